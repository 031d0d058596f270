"""Naver: OAuth 2.0 without OpenID Connect.

https://developers.naver.com/docs/login/api/api.md
https://developers.naver.com/docs/login/profile/profile.md

The profile is believed because it came from Naver itself with a token that Naver gave us for the code; state and the
callback address of its own are what there is against mix-ups. Nothing says whether the e-mail was verified.
"""

from typing import Final

from eco2_auth.providers import profile
from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http
from eco2_auth.providers.oauth import AuthorizationCode
from eco2_auth.providers.profile import Profile
from eco2_auth.providers.settings import ProviderCredentials

NAME: Final = "naver"
_SUCCESS: Final = "00"


class Naver:
    """Signs users in with Naver.

    Args:
        auth_url: https://nid.naver.com, or what stands in for it.
        api_url: https://openapi.naver.com, likewise.
    """

    name: Final = NAME

    def __init__(self, auth_url: str, api_url: str, credentials: ProviderCredentials, http: Http) -> None:
        self._auth_url = auth_url
        self._me = f"{api_url}/v1/nid/me"
        self._http = http
        self._code = AuthorizationCode(NAME, credentials, http)

    async def authorization(self, *, redirect_uri: str, state: str, nonce: str, code_verifier: str) -> str:
        """The address to send the browser to. Naver knows neither nonce nor code challenge."""
        endpoint = f"{self._auth_url}/oauth2.0/authorize"
        return self._code.url(endpoint, redirect_uri=redirect_uri, state=state, code_verifier=None)

    async def profile(
        self, *, code: str, state: str, nonce: str, code_verifier: str, redirect_uri: str, issuer: str | None
    ) -> Profile:
        """Who came back with that code. Raises ProviderError."""
        if issuer is not None and issuer != self._auth_url:
            raise ProviderAnswerInvalid(NAME, "the callback is of another issuer")
        token = await self._code.exchange(
            f"{self._auth_url}/oauth2.0/token", code=code, redirect_uri=redirect_uri, code_verifier=None, state=state
        )
        answer = await self._http.get_object(NAME, "the profile", self._me, bearer=token["access_token"])
        about = answer.get("response")
        if answer.get("resultcode") != _SUCCESS or not isinstance(about, dict):
            raise ProviderAnswerInvalid(NAME, "the profile is none")
        subject = profile.subject(about.get("id"))
        if subject is None:
            raise ProviderAnswerInvalid(NAME, "the profile has no usable subject")
        return Profile(
            provider=NAME,
            subject=subject,
            email=profile.email(about.get("email")),
            email_verified=False,
            nickname=profile.nickname(about.get("nickname")),
            picture=profile.picture(about.get("profile_image")),
        )
