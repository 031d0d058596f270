"""Google, Kakao and Naver as each of them is."""

from collections.abc import Mapping
from types import MappingProxyType

from eco2_auth.providers.errors import (
    ProviderAnswerInvalid,
    ProviderDenied,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    refusal,
)
from eco2_auth.providers.google import Google
from eco2_auth.providers.http import Http
from eco2_auth.providers.kakao import Kakao
from eco2_auth.providers.naver import Naver
from eco2_auth.providers.profile import Profile, Provider
from eco2_auth.providers.settings import ProviderCredentials, ProviderSettings

__all__ = [
    "Http",
    "Profile",
    "Provider",
    "ProviderAnswerInvalid",
    "ProviderCredentials",
    "ProviderDenied",
    "ProviderError",
    "ProviderFailed",
    "ProviderRefused",
    "ProviderSettings",
    "build_providers",
    "refusal",
]


def build_providers(settings: ProviderSettings, http: Http) -> Mapping[str, Provider]:
    """Those that have credentials, by name. No network is used yet."""
    providers: list[Provider] = []
    if settings.google is not None:
        providers.append(Google(settings.google_issuer, settings.google, http))
    if settings.kakao is not None:
        providers.append(Kakao(settings.kakao_issuer, settings.kakao, http))
    if settings.naver is not None:
        providers.append(Naver(settings.naver_auth_url, settings.naver_api_url, settings.naver, http))
    return MappingProxyType({provider.name: provider for provider in providers})
