"""Kakao: OpenID Connect, and a user API beside it.

https://developers.kakao.com/docs/latest/en/kakaologin/rest-api

No `scope` is sent: the consent items of the application apply then, and its ID token comes with them. The subject is
the ID token's; nickname, picture and e-mail come from the user API, which alone says what an address is worth.
"""

from collections.abc import Mapping
from typing import Any, Final

from eco2_auth.providers import profile
from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http
from eco2_auth.providers.openid_connect import Habits, OpenIdConnect
from eco2_auth.providers.profile import Profile
from eco2_auth.providers.settings import ProviderCredentials

NAME: Final = "kakao"
_ANNOUNCED: Final = "/v1/oidc/userinfo"
_USER_ME: Final = "/v2/user/me?secure_resource=true"
"""Pictures come by http unless that is said."""


class Kakao:
    """Signs users in with Kakao.

    Args:
        issuer: https://kauth.kakao.com, or what stands in for it.
    """

    name: Final = NAME

    def __init__(self, issuer: str, credentials: ProviderCredentials, http: Http) -> None:
        self._http = http
        self._openid = OpenIdConnect(NAME, issuer, credentials, http, Habits(as_announced=True))

    async def authorization(self, *, redirect_uri: str, state: str, nonce: str, code_verifier: str) -> str:
        """The address to send the browser to. Raises ProviderError."""
        return await self._openid.authorization(
            redirect_uri=redirect_uri, state=state, nonce=nonce, code_verifier=code_verifier
        )

    async def profile(
        self, *, code: str, state: str, nonce: str, code_verifier: str, redirect_uri: str, issuer: str | None
    ) -> Profile:
        """Who came back with that code. Raises ProviderError."""
        signed_in = await self._openid.sign_in(
            code=code, nonce=nonce, code_verifier=code_verifier, redirect_uri=redirect_uri, issuer=issuer
        )
        subject = profile.subject(signed_in.claims.get("sub"))
        if subject is None:
            raise ProviderAnswerInvalid(NAME, "the ID token has no usable subject")
        url = await self._user_me()
        user = await self._http.get_object(NAME, "the user API", url, bearer=signed_in.access_token)
        if str(user.get("id")) != subject:
            raise ProviderAnswerInvalid(NAME, "the user API speaks of another user than the ID token")
        account = _object(user.get("kakao_account"))
        about = _object(account.get("profile"))
        # An address that is not valid any more is another account's.
        email = profile.email(account.get("email")) if account.get("is_email_valid") is True else None
        return Profile(
            provider=NAME,
            subject=subject,
            email=email,
            email_verified=email is not None and account.get("is_email_verified") is True,
            nickname=profile.nickname(about.get("nickname")),
            picture=profile.picture(about.get("profile_image_url")),
        )

    async def _user_me(self) -> str:
        """The discovery names another endpoint of the user API; this one is beside it."""
        endpoint = (await self._openid.metadata()).userinfo_endpoint
        if endpoint is None or not endpoint.endswith(_ANNOUNCED):
            raise ProviderAnswerInvalid(NAME, "the discovery has no usable userinfo_endpoint")
        return endpoint.removesuffix(_ANNOUNCED) + _USER_ME


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
