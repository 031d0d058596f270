"""What a token claims (RFC 7519, section 4), once its signature was verified."""

import re
from typing import Any, Final, NamedTuple, TypeGuard

from eco2_authz.decision import Identity, Reason, Refused
from eco2_authz.policy import Policy
from eco2_authz.token.strict_json import read_object

ACCESS: Final = "access"
"""The only ``type`` of tokens that open anything; without ``type`` a token is taken for one."""
_LATEST: Final = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""
_SUBJECT: Final = re.compile(r"[!-+\--~]{1,128}")
_PROVIDER: Final = re.compile(r"[!-+\--~]{1,64}")
"""Both become header values: no blank, nothing that ends a line, and no comma, which separates values."""
_JTI: Final = re.compile(r"[!-)+->@-Z^-~]{1,256}")
"""A part of Redis keys: visible ASCII without the ``* ? [ ] \\`` of patterns, so that no id ever means several."""


class Claims(NamedTuple):
    """The claims that are used, each of the right type. Times in seconds since 1970."""

    identity: Identity
    jti: str
    expires: float
    not_before: float
    """The later one of ``nbf`` and ``iat``; 0 without both."""


def read_claims(payload: bytes, policy: Policy) -> Claims:
    """Raises Refused, as bad_claims, for a claim that is missing, of a wrong type, or not what the policy asks for.

    Whether the token is valid at this moment is not looked at.
    """
    try:
        claims = read_object(payload)
    except ValueError as error:
        raise _bad(f"the token's payload {error}") from None
    if claims.get("type", ACCESS) != ACCESS:
        raise _bad("type: this is no access token")
    _check_issuer(claims, policy.issuer)
    _check_audience(claims, policy.audience)
    expires = _time(claims, "exp")
    if expires is None:
        raise _bad("exp: is missing")
    not_before = max(_time(claims, "nbf") or 0, _time(claims, "iat") or 0)
    subject, jti, provider = claims.get("sub"), claims.get("jti"), claims.get("provider")
    if not _is(subject, _SUBJECT):
        raise _bad("sub: must be 1 to 128 visible ASCII characters without a comma")
    if not _is(jti, _JTI):
        raise _bad("jti: must be 1 to 256 visible ASCII characters without * ? [ ] \\")
    if "provider" in claims and not _is(provider, _PROVIDER):
        raise _bad("provider: must be 1 to 64 visible ASCII characters without a comma")
    return Claims(Identity(subject, provider), jti, expires, not_before)


def _check_issuer(claims: dict[str, Any], wanted: str | None) -> None:
    issuer = claims.get("iss")
    if "iss" in claims and not isinstance(issuer, str):
        raise _bad("iss: must be text")
    if wanted is not None and issuer != wanted:
        raise _bad("iss: the token is of another issuer")


def _check_audience(claims: dict[str, Any], wanted: str | None) -> None:
    """One text or a list of texts (RFC 7519, section 4.1.3); compared whole."""
    audience = claims.get("aud", [])
    audiences = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in audiences):
        raise _bad("aud: must be text or a list of texts")
    if wanted is not None and wanted not in audiences:
        raise _bad("aud: the token is for somebody else")


def _time(claims: dict[str, Any], name: str) -> float | None:
    """NumericDate (RFC 7519, section 2). None: the claim is missing."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    # Not isinstance: a bool is an int, too. The JSON reader has no NaN and no infinity.
    if (type(value) is not int and type(value) is not float) or not 0 <= value <= _LATEST:
        raise _bad(f"{name}: must be a number of seconds since 1970")
    return value


def _is(value: object, pattern: re.Pattern[str]) -> TypeGuard[str]:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _bad(detail: str) -> Refused:
    return Refused(Reason.BAD_CLAIMS, detail)
