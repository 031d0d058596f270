"""Internal endpoints: what other domains may ask, with the token they share."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from eco2_service.problems import Unauthorized
from eco2_service.settings import ServiceSettings


class ServiceTokens:
    """The tokens that are accepted; without any, none is."""

    def __init__(self, settings: ServiceSettings) -> None:
        tokens = (settings.service_token, settings.service_token_previous)
        self._digests = tuple(_digest(token.get_secret_value().encode()) for token in tokens if token is not None)

    def accept(self, token: bytes) -> bool:
        """Whether it is one of them. Takes as long whichever it is, and wherever it differs."""
        digest = _digest(token)
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(known, digest)
        return found


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


class ServiceToken(SecurityBase):
    """Lets a caller with ``Authorization: Bearer <token>`` pass (RFC 6750)."""

    def __init__(self) -> None:
        self.scheme_name = "serviceToken"
        self.model = HTTPBearer(description="CHARACTER_SERVICE_TOKEN_SECRET, which domains share")

    async def __call__(self, request: Request) -> None:
        """Raise Unauthorized unless the caller is another domain."""
        tokens: ServiceTokens = request.app.state.service_tokens
        values = request.headers.getlist("authorization")
        scheme, _, token = (values[0] if len(values) == 1 else "").partition(" ")
        if scheme.lower() != "bearer" or not tokens.accept(token.strip().encode("latin-1")):
            raise Unauthorized(
                "Only other domains may ask this: show their token",
                slug="no-service-token",
                headers={"www-authenticate": "Bearer"},
            )


require_service_token: Final = ServiceToken()
ServiceCaller: Final = Depends(require_service_token)
"""For `dependencies=` of a router of internal endpoints."""
