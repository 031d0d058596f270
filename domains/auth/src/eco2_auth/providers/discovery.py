"""What a provider says of itself (OpenID Connect Discovery 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http

SECONDS: Final = 3600.0
"""How long it is believed."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of it is used.

    Attributes:
        s256: code challenges by S256 are understood (RFC 8414 section 2).
        nonce: ID tokens can have a nonce.
        names_issuer: callbacks have the parameter `iss` (RFC 9207 section 3).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    s256: bool
    nonce: bool
    names_issuer: bool


async def discover(provider: str, issuer: str, http: Http) -> Metadata:
    """Fetch it.

    Raises:
        ProviderError: it cannot be had, or is not this issuer's.
    """
    url = f"{issuer}/.well-known/openid-configuration"
    return read_metadata(provider, issuer, await http.get_object(provider, "the discovery", url))


def read_metadata(provider: str, issuer: str, document: Mapping[str, Any]) -> Metadata:
    """Check it (section 4.3: the issuer must be the very same).

    Raises:
        ProviderAnswerInvalid: it is not this issuer's, or lacks what is needed.
    """
    if document.get("issuer") != issuer:
        raise ProviderAnswerInvalid(provider, "the discovery is of another issuer")
    scheme = httpx2.URL(issuer).scheme

    def endpoint(name: str) -> str:
        address = _address(document.get(name), scheme)
        if address is None:
            raise ProviderAnswerInvalid(provider, f"the discovery has no usable {name}")
        return address

    return Metadata(
        issuer=issuer,
        authorization_endpoint=endpoint("authorization_endpoint"),
        token_endpoint=endpoint("token_endpoint"),
        jwks_uri=endpoint("jwks_uri"),
        userinfo_endpoint=_address(document.get("userinfo_endpoint"), scheme),
        s256="S256" in _list(document, "code_challenge_methods_supported"),
        nonce="nonce" in _list(document, "claims_supported"),
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(value: object, scheme: str) -> str | None:
    """An address that is reached as safely as the discovery itself."""
    if not isinstance(value, str):
        return None
    try:
        url = httpx2.URL(value)
    except httpx2.InvalidURL:
        return None
    return value if url.scheme == scheme and url.host and not url.userinfo and not url.fragment else None


def _list(document: Mapping[str, Any], name: str) -> list[object]:
    value = document.get(name)
    return value if isinstance(value, list) else []
