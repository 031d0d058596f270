"""One provider: who it is, whom it knows, what it has given out."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from eco2_identity_provider.grants import Grants
from eco2_identity_provider.keys import Keys
from eco2_identity_provider.troubles import Endpoint, Script

ProviderName = Literal["google", "kakao", "naver"]
PROVIDERS: Final[tuple[ProviderName, ...]] = ("google", "kakao", "naver")
_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Client:
    """The one application that is registered. Its secret is no secret: it opens nothing but this."""

    id: str
    secret: str
    redirect_uris: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    """What a relying party sent to one endpoint."""

    endpoint: Endpoint
    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(slots=True)
class Realm:
    """All that is known of one provider.

    Attributes:
        issuer: its address, with its path prefix and without a slash at the end.
        calls: the last ones, oldest first.
    """

    name: ProviderName
    issuer: str
    client: Client
    keys: Keys
    clock: Callable[[], float] = time.time
    script: Script = field(default_factory=Script)
    grants: Grants = field(init=False)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def __post_init__(self) -> None:
        self.grants = Grants(self.clock)

    def reset(self) -> None:
        """Forget what was given out, what was called and what should go wrong."""
        self.grants.clear()
        self.calls.clear()
        self.script.clear()


def make_client(name: ProviderName, redirect_bases: tuple[str, ...]) -> Client:
    """The registration of the auth domain at a provider.

    Args:
        redirect_bases: the values of OAUTH_REDIRECT_BASE that may come.
    """
    uris = frozenset(f"{base.rstrip('/')}/api/v1/auth/{name}/callback" for base in redirect_bases)
    return Client(f"eco2-{name}", f"eco2-{name}-secret", uris)
