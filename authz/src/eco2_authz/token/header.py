"""The protected header of a token (RFC 7515, section 4). Nothing of it can be trusted: it only names a key."""

from functools import lru_cache
from typing import Final, NamedTuple

from eco2_authz.decision import Reason, Refused
from eco2_authz.token.base64url import decode
from eco2_authz.token.strict_json import read_object

MAX_KID: Final = 256
"""Characters of a key's name."""
_REFUSED: Final = frozenset({"b64", "crit", "cty", "enc", "zip"})
"""Extensions that must be understood, other payloads, nested, encrypted and compressed tokens. (`jku`, `jwk`, `x5c`
and `x5u`, by which a token would bring its own key, are never read.)"""
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
"""Explicit types of access tokens, in lower case: another one names another use (RFC 8725, section 3.11)."""


class Header(NamedTuple):
    """What is read of it."""

    alg: str
    kid: str | None


@lru_cache(maxsize=64)
def read_header(segment: bytes) -> Header:
    """From a segment in the alphabet of `base64url.decode`.

    All tokens of a key have the same header: it is read once for all of them, as long as it is among the last few.

    Raises:
        Refused: as malformed.
    """
    try:
        parameters = read_object(decode(segment))
    except ValueError as error:
        raise Refused(Reason.MALFORMED, f"the token's header {error}") from None
    if not _REFUSED.isdisjoint(parameters):
        raise Refused(Reason.MALFORMED, "the token's header asks for what is not supported: b64, crit, cty, enc or zip")
    alg, kid, kind = parameters.get("alg"), parameters.get("kid"), parameters.get("typ", "JWT")
    if not isinstance(alg, str):
        raise Refused(Reason.MALFORMED, "the token's header names no algorithm")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Refused(Reason.MALFORMED, "the token's header says that it is no access token")
    if "kid" in parameters and (not isinstance(kid, str) or len(kid) > MAX_KID):
        raise Refused(Reason.MALFORMED, f"the token's key name is no text of at most {MAX_KID} characters")
    return Header(alg, kid)
