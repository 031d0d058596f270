"""Whether an ID token is to be believed (OpenID Connect Core 1.0 section 3.1.3.7). Pure."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.keys import KeySet

LEEWAY: Final = 30
"""Seconds that clocks may differ."""
# RFC 7515 section 4: header parameters that are not understood are ignored, unless `crit` names them.
_RS256: Final = JWSRegistry(algorithms=["RS256"], strict_check_header=False)


class UnknownKey(Exception):
    """The key that signed it is not among those given."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What it has to say.

    Attributes:
        issuers: any of these.
        nonce: None: none was sent.
    """

    provider: str
    issuers: frozenset[str]
    client_id: str
    nonce: str | None


def check_id_token(token: object, keys: KeySet, expected: Expected, now: float) -> Mapping[str, Any]:
    """Its claims.

    Args:
        now: seconds since the epoch.

    Raises:
        UnknownKey: other keys are needed to tell.
        ProviderAnswerInvalid: it must not be believed.
    """

    def refuse(reason: str) -> ProviderAnswerInvalid:
        return ProviderAnswerInvalid(expected.provider, f"the ID token {reason}")

    if not isinstance(token, str):
        raise refuse("is missing")
    claims = _verified(token, keys)
    if claims is None:
        raise refuse("has no good signature")
    registry = JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY,
        iss={"essential": True, "values": sorted(expected.issuers)},
        aud={"essential": True, "value": expected.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except JoseError as error:
        raise refuse(f"is not for us or not for now ({error.error})") from None
    if not _for_client(claims, expected.client_id):
        raise refuse("was made for another client")
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (isinstance(nonce, str) and _same(nonce, expected.nonce)):
        raise refuse("is not of this login")
    return claims


def _verified(token: str, keys: KeySet) -> Mapping[str, Any] | None:
    """The claims if the signature is good, else None. Raises UnknownKey."""
    try:
        content = token.encode("ascii")
        kid = jws.extract_compact(content, registry=_RS256).headers().get("kid")
        if not isinstance(kid, str):
            return None
        if kid not in keys:
            raise UnknownKey
        return jwt.decode(content, keys[kid], registry=_RS256).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _for_client(claims: Mapping[str, Any], client_id: str) -> bool:
    """Steps 4 and 5: several audiences need an authorized party, and that has to be us."""
    audience, party = claims["aud"], claims.get("azp")
    if party is None:
        return not isinstance(audience, list) or len(audience) == 1
    return bool(party == client_id)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
