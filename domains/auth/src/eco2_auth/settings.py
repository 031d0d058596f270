"""What auth reads from its environment."""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from eco2_auth.errors import BundleError
from eco2_auth.keys.bundle import read_bundle
from eco2_auth.providers import ProviderCredentials, ProviderSettings
from eco2_auth.redirects import RedirectAllowList
from eco2_service.settings import ServiceSettings

SHORTEST_SECRET: Final = 32
"""Bytes for HS256 (RFC 7518, section 3.2)."""
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]


def _cookie_domain() -> str:
    """Empty means something here (a cookie of this host alone), and pydantic-settings takes it for not set."""
    return os.environ.get("COOKIE_DOMAIN", ".growbin.app")


class Settings(ServiceSettings):
    """The environment of auth.

    Args:
        jwt_signing_keys: private RSA keys in PEM; the first that others have had the time to know signs.
        jwt_secret_key: signs with HS256 instead of them.
        access_ttl: seconds that an access token lives.
        refresh_ttl: seconds that a refresh token lives.
        cookie_domain: whose hosts get the session cookies; empty: this host alone.
        oauth_redirect_base: where browsers reach this service; providers send them back there.
        frontend_redirect_allow: where a login may lead: origins, each perhaps with the beginning of a path.
        my_url: who is told of logins; without it nobody is.
        login_per_minute: how often an address may begin a login, and how often finish one.
        refresh_per_minute: how often an address may exchange a refresh token.
        google_client_id: and the others: a provider without one does not exist here.
        google_issuer: and the others: where the provider is.
    """

    jwt_algorithm: Literal["RS256", "HS256"] = "RS256"
    jwt_signing_keys: SecretStr = SecretStr("")
    jwt_secret_key: SecretStr = SecretStr("")
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    access_ttl: Annotated[int, Field(ge=1, le=31_536_000)] = 259_200
    refresh_ttl: Annotated[int, Field(ge=1, le=31_536_000)] = 518_400
    cookie_domain: Annotated[str, Field(pattern=r"^(\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*)?$")] = Field(
        default_factory=_cookie_domain, validate_default=True
    )
    cookie_secure: bool = True
    oauth_redirect_base: Url = "http://localhost:8000"
    frontend_redirect_allow: str = ""
    my_url: Url | None = None
    login_per_minute: Annotated[int, Field(ge=1)] = 20
    refresh_per_minute: Annotated[int, Field(ge=1)] = 30
    google_client_id: str = ""
    google_client_secret: SecretStr = SecretStr("")
    google_issuer: Url = "https://accounts.google.com"
    kakao_client_id: str = ""
    kakao_client_secret: SecretStr = SecretStr("")
    kakao_issuer: Url = "https://kauth.kakao.com"
    naver_client_id: str = ""
    naver_client_secret: SecretStr = SecretStr("")
    naver_auth_url: Url = "https://nid.naver.com"
    naver_api_url: Url = "https://openapi.naver.com"

    @field_validator("jwt_signing_keys")
    @classmethod
    def _is_a_bundle(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            try:
                read_bundle(value.get_secret_value())
            except BundleError as error:
                raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _one_kind_of_key(self) -> Self:
        bundle, secret = self.jwt_signing_keys.get_secret_value(), self.jwt_secret_key.get_secret_value()
        if self.jwt_algorithm == "RS256":
            if not bundle or secret:
                raise ValueError("RS256 takes JWT_SIGNING_KEYS, and no JWT_SECRET_KEY")
        elif bundle or len(secret.encode()) < SHORTEST_SECRET:
            raise ValueError(f"HS256 takes JWT_SECRET_KEY of at least {SHORTEST_SECRET} bytes, and no JWT_SIGNING_KEYS")
        return self

    @model_validator(mode="after")
    def _secure_where_it_must_be(self) -> Self:
        if self.cookie_secure and urlsplit(self.oauth_redirect_base).scheme == "http" and not self._is_local():
            raise ValueError("OAUTH_REDIRECT_BASE must be https: browsers keep secure cookies for that alone")
        return self

    def _is_local(self) -> bool:
        """Browsers trust these without TLS (W3C Secure Contexts, section 3.1)."""
        return urlsplit(self.oauth_redirect_base).hostname in {"localhost", "127.0.0.1", "::1"}

    @field_validator("frontend_redirect_allow")
    @classmethod
    def _is_an_allow_list(cls, value: str) -> str:
        RedirectAllowList.parse(value)
        return value

    @property
    def providers(self) -> ProviderSettings:
        """The providers that are set up."""
        return ProviderSettings(
            google=_credentials(self.google_client_id, self.google_client_secret),
            kakao=_credentials(self.kakao_client_id, self.kakao_client_secret),
            naver=_credentials(self.naver_client_id, self.naver_client_secret),
            google_issuer=self.google_issuer.rstrip("/"),
            kakao_issuer=self.kakao_issuer.rstrip("/"),
            naver_auth_url=self.naver_auth_url.rstrip("/"),
            naver_api_url=self.naver_api_url.rstrip("/"),
        )


def _credentials(client_id: str, client_secret: SecretStr) -> ProviderCredentials | None:
    return ProviderCredentials(client_id, client_secret) if client_id else None
