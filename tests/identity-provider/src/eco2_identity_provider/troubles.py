"""What a test may have go wrong, until it says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Endpoint(StrEnum):
    """What a relying party calls by itself, without a browser."""

    DISCOVERY = "discovery"
    KEYS = "keys"
    TOKEN = "token"  # noqa: S105  the name of an endpoint
    PROFILE = "profile"


class Fault(StrEnum):
    """What one endpoint does instead of its work."""

    SLOW = "slow"
    """No answer as long as it is asked for."""
    DRIP = "drip"
    """One byte now and then, so that no single read takes long."""
    DOWN = "down"
    """500, and a page instead of JSON."""
    THROTTLED = "throttled"
    """429."""
    GARBAGE = "garbage"
    """200, and no JSON."""
    LIST = "list"
    """200, and JSON that is no object."""
    EMPTY = "empty"
    """200, and an object without anything in it."""
    HUGE = "huge"
    """200, and more than anybody should read."""
    COMPRESSED = "compressed"
    """200, and few bytes that would become many."""
    MOVED = "moved"
    """302 to somewhere else."""


class Trouble(StrEnum):
    """What is wrong with answers that look right."""

    DENIED = "denied"
    """Whoever is asked for consent refuses it."""
    FAILED = "failed"
    """The browser comes back with error=server_error."""
    MIX_UP = "mix-up"
    """The browser comes back with another provider's `iss` (RFC 9207)."""
    NO_ISS = "no-iss"
    """The browser comes back without the `iss` that the discovery announces."""
    UNANNOUNCED_ISS = "unannounced-iss"
    """The discovery says nothing of `iss`."""
    NO_PKCE = "no-pkce"
    """The discovery lists no code challenge method, and the provider ignores them."""
    NO_NONCE_CLAIM = "no-nonce-claim"
    """The discovery does not list the claim `nonce`, and no ID token has it."""
    OTHER_ISSUER = "other-issuer"
    """The discovery is somebody else's."""
    STRANGE_ENDPOINT = "strange-endpoint"
    """The discovery names an endpoint that cannot be used."""
    NO_ID_TOKEN = "no-id-token"  # noqa: S105  the name of a trouble
    WRONG_NONCE = "wrong-nonce"
    WRONG_AUDIENCE = "wrong-audience"
    SHARED_AUDIENCE = "shared-audience"
    """Another client is in the audience too, and nobody says whose token it is."""
    WRONG_PARTY = "wrong-party"
    """`azp` is another client."""
    WRONG_ISSUER = "wrong-issuer"
    EXPIRED = "expired"
    FROM_THE_FUTURE = "from-the-future"
    FORGED = "forged"
    """Signed by a key of somebody else, under the name of a published one."""
    UNKNOWN_KEY = "unknown-key"
    """Signed by a key that is not published."""
    NAMELESS_KEY = "nameless-key"
    """The ID token does not say which key signed it."""
    UNSIGNED = "unsigned"
    """`alg` is `none`."""
    SYMMETRIC = "symmetric"
    """`alg` is HS256, keyed with the client secret."""
    NO_SUBJECT = "no-subject"
    UNVERIFIED_EMAIL = "unverified-email"
    INVALID_EMAIL = "invalid-email"
    """Kakao: the address was verified once and is another account's by now."""
    NO_EMAIL = "no-email"
    NO_PROFILE = "no-profile"
    """Neither nickname nor picture."""
    OTHER_USER = "other-user"
    """The user info is another user's than the ID token."""


@dataclass(slots=True)
class Script:
    """What goes wrong at one provider now."""

    troubles: frozenset[Trouble] = frozenset()
    faults: Mapping[Endpoint, Fault] = field(default_factory=dict)

    def __contains__(self, trouble: Trouble) -> bool:
        return trouble in self.troubles

    def write(self, troubles: frozenset[Trouble], faults: Mapping[Endpoint, Fault]) -> None:
        """From now on this, and nothing else."""
        self.troubles, self.faults = troubles, dict(faults)

    def clear(self) -> None:
        """From now on all goes well."""
        self.write(frozenset(), {})
