"""The keys a provider signs ID tokens with (RFC 7517)."""

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http

SECONDS: Final = 3600.0
"""How long they are believed. A signature by a key that is not among them has them fetched at once."""
_BITS: Final = 2048

KeySet = Mapping[str, RSAKey]
"""By name (`kid`)."""


async def fetch_keys(provider: str, url: str, http: Http) -> KeySet:
    """Fetch them.

    Raises:
        ProviderError: they cannot be had.
    """
    return read_keys(provider, await http.get_object(provider, "the key set", url))


def read_keys(provider: str, document: Mapping[str, Any]) -> KeySet:
    """Those that may verify RS256. Others are ignored (RFC 7517 section 5).

    Raises:
        ProviderAnswerInvalid: it is no key set.
    """
    members = document.get("keys")
    if not isinstance(members, list):
        raise ProviderAnswerInvalid(provider, "the key set has no keys")
    keys = {}
    for member in members:
        key = _key(member) if isinstance(member, dict) else None
        if key is not None:
            keys[member["kid"]] = key
    return MappingProxyType(keys)


def _key(jwk: dict[str, Any]) -> RSAKey | None:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or jwk.get("kty") != "RSA":
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", "RS256") != "RS256":
        return None
    try:
        if _bits(jwk["n"]) < _BITS:
            return None
        # Nothing but the public key: what else is said of it is none of our business.
        return RSAKey.import_key({"kty": "RSA", "kid": kid, "n": jwk["n"], "e": jwk["e"]})
    except (JoseError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _bits(modulus: str) -> int:
    """Raises TypeError or ValueError when it is no number in base64url."""
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()
