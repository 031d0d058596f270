"""The decision about a request: every rule of security comes together here. Pure."""

from typing import Final, NamedTuple

from eco2_authz.decision import Decision, Identity, Reason, Refused
from eco2_authz.keys.keyset import KeySet
from eco2_authz.policy import Policy
from eco2_authz.request import Request
from eco2_authz.token.claims import read_claims
from eco2_authz.token.compact import take_apart
from eco2_authz.token.signature import Key

_SCHEME: Final = "bearer"
_PUBLIC: Final = Decision(Reason.PUBLIC, detail="the path needs no token")
_NO_TOKEN: Final = Decision(Reason.MISSING_TOKEN, detail="no access token was sent")
_OTHER_SCHEME: Final = Decision(Reason.MISSING_TOKEN, detail="the Authorization header holds no Bearer token")
_EMPTY_BEARER: Final = Decision(Reason.MALFORMED, detail="the Authorization header names no token after Bearer")
_TWO_HEADERS: Final = Decision(Reason.MALFORMED, detail="there is more than one Authorization header")
_TWO_COOKIES: Final = Decision(Reason.MALFORMED, detail="there is more than one cookie with an access token")
_ALGORITHM: Final = Decision(Reason.MALFORMED, detail="the token's algorithm is not allowed")
_NO_KEYS: Final = Decision(Reason.KEYS_UNAVAILABLE, detail="the keys to verify tokens with are not available")
_UNKNOWN_KEY: Final = Decision(Reason.UNKNOWN_KEY, detail="the token was signed with a key that is not known")
_BAD_SIGNATURE: Final = Decision(Reason.BAD_SIGNATURE, detail="the token's signature is wrong")


class UnknownKey(NamedTuple):
    """No key has the name that a token gives. Its source may have a newer one: `refetch`, then `verify` once more."""

    kid: str
    decision: Decision = _UNKNOWN_KEY
    """The answer if there is none after all."""


class Verified:
    """A token whose signature and claims are good. Whether it may be used at this moment says `admit`."""

    __slots__ = ("answer", "decision", "expires", "identity", "jti", "key", "not_before")

    def __init__(self, identity: Identity, jti: str, expires: float, not_before: float, key: Key) -> None:
        self.identity = identity
        self.jti = jti
        self.expires = expires
        """``exp``, in seconds since 1970."""
        self.not_before = not_before
        """The later one of ``nbf`` and ``iat``, likewise."""
        self.key = key
        """By which it was verified: when that key goes, so does the token."""
        self.decision = Decision(Reason.OK, identity, jti)
        self.answer = b""
        """The message for Envoy, made by whoever knows how."""


def examine(request: Request, policy: Policy) -> Decision | str:
    """The token of a request, or the decision where none is needed or none can be had.

    The cookie is read only without an Authorization header: a request that has one meant it.
    """
    if policy.public.matches(request.path):
        return _PUBLIC
    authorization = request.authorization
    if not authorization:
        return _from_cookies(request.cookies, policy.cookie) if policy.cookie else _NO_TOKEN
    if len(authorization) > 1:
        return _TWO_HEADERS
    return _from_authorization(authorization[0])


def _from_authorization(value: str) -> Decision | str:
    """``Bearer`` in any case, then spaces, then the token (RFC 9110, section 11.4; RFC 6750, section 2.1)."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != _SCHEME:
        return _OTHER_SCHEME
    return rest.strip(" ") or _EMPTY_BEARER


def _from_cookies(headers: tuple[str, ...], name: str) -> Decision | str:
    """The value of the one cookie of that name (RFC 6265, section 4.2.1), as it is: quotes belong to it.

    An empty value is what stays of a cookie that was cleared, and is no token.
    """
    values = []
    for header in headers:
        if name in header:
            for pair in header.split(";"):
                key, equals, value = pair.partition("=")
                if equals and key.strip(" \t") == name:
                    values.append(value)
    if len(values) > 1:
        return _TWO_COOKIES
    return values[0] if values and values[0] else _NO_TOKEN


def verify(token: str, keys: KeySet | None, policy: Policy, now: float) -> Verified | Decision | UnknownKey:
    """Everything about a token: what stays true, and whether it is valid at `now`. Never raises.

    Args:
        keys: None where there are none to trust.
        now: seconds since 1970.
    """
    try:
        parts = take_apart(token, policy.max_token_bytes)
        header = parts.header
        if header.alg not in policy.algorithms:
            return _ALGORITHM
        if keys is None:
            return _NO_KEYS
        key = keys.find(header.kid, header.alg)
        if key is None:
            return _without_key(header.kid, keys)
        if not key.verifies(parts.signed, parts.signature):
            return _BAD_SIGNATURE
        # Only now: what an unknown person wrote is not worth reading.
        claims = read_claims(parts.payload, policy)
    except Refused as refused:
        return Decision(refused.reason, detail=refused.detail)
    verified = Verified(claims.identity, claims.jti, claims.expires, claims.not_before, key)
    decision = admit(verified, policy, now, revoked=False)
    return verified if decision is verified.decision else decision


def _without_key(kid: str | None, keys: KeySet) -> Decision | UnknownKey:
    """A newer set can help only where the name is not there, and not where the key is for another algorithm."""
    return _UNKNOWN_KEY if kid is None or keys.knows(kid) else UnknownKey(kid)


def admit(verified: Verified, policy: Policy, now: float, revoked: bool) -> Decision:
    """What may change from one use of a token to the next; to be asked on every use.

    Args:
        now: seconds since 1970.
        revoked: whether the token's id is on the blacklist.
    """
    if now >= verified.expires + policy.leeway:
        return Decision(Reason.EXPIRED, verified.identity, verified.jti, "the token has expired")
    if now < verified.not_before - policy.leeway:
        return Decision(Reason.NOT_YET_VALID, verified.identity, verified.jti, "the token is not valid yet")
    if revoked:
        return Decision(Reason.BLACKLISTED, verified.identity, verified.jti, "the token was revoked")
    return verified.decision
