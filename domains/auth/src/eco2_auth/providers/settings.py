"""Which providers there are."""

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class ProviderCredentials:
    """What the auth domain is registered as at one provider."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Of all three; one without credentials does not exist.

    Attributes:
        google_issuer: address with its discovery below; no slash at the end.
        naver_auth_url: origin of authorization and tokens.
        naver_api_url: origin of the profile.
    """

    google: ProviderCredentials | None = None
    kakao: ProviderCredentials | None = None
    naver: ProviderCredentials | None = None
    google_issuer: str = "https://accounts.google.com"
    kakao_issuer: str = "https://kauth.kakao.com"
    naver_auth_url: str = "https://nid.naver.com"
    naver_api_url: str = "https://openapi.naver.com"
