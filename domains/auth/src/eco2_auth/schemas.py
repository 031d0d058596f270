"""What is sent and answered."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from eco2_auth.redirects import MAX_LENGTH
from eco2_auth.tokens import LONGEST


class RefreshToken(BaseModel):
    """For clients without cookies."""

    refresh_token: str | None = Field(default=None, max_length=LONGEST, description="Instead of the cookie s_refresh")


class Refreshed(BaseModel):
    """What a refresh token was exchanged for. With a cookie the tokens are in cookies alone."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the name of a scheme (RFC 6750)
    expires_in: int = Field(description="Seconds that the access token is valid")
    access_token: str | None = None
    refresh_token: str | None = None


class LinkRequest(BaseModel):
    """Where the browser goes when an account was linked."""

    redirect_uri: str = Field(max_length=MAX_LENGTH, description="An address of FRONTEND_REDIRECT_ALLOW")


class LinkStarted(BaseModel):
    """Where to send the browser now."""

    location: str = Field(description="The provider's page; with ?error= the address that was sent when it is down")


class JsonWebKey(BaseModel):
    """A public key (RFC 7517)."""

    kty: Literal["RSA"]
    kid: str
    use: Literal["sig"]
    alg: Literal["RS256"]
    n: str
    e: str


class JsonWebKeySet(BaseModel):
    """All public keys that tokens may be signed with; none under HS256."""

    keys: list[JsonWebKey]
