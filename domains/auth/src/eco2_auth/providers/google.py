"""Google: OpenID Connect with S256 and nonce.

https://developers.google.com/identity/openid-connect/openid-connect
https://developers.google.com/identity/openid-connect/reference (claims; `iss` has two forms)
"""

from typing import Final

from eco2_auth.providers import profile
from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http
from eco2_auth.providers.openid_connect import Habits, OpenIdConnect
from eco2_auth.providers.profile import Profile
from eco2_auth.providers.settings import ProviderCredentials

NAME: Final = "google"


class Google:
    """Signs users in with Google.

    Args:
        issuer: https://accounts.google.com, or what stands in for it.
    """

    name: Final = NAME

    def __init__(self, issuer: str, credentials: ProviderCredentials, http: Http) -> None:
        habits = Habits(scope="openid email profile", more_issuers=frozenset({issuer.removeprefix("https://")}))
        self._openid = OpenIdConnect(NAME, issuer, credentials, http, habits)

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
        claims = signed_in.claims
        subject = profile.subject(claims.get("sub"))
        if subject is None:
            raise ProviderAnswerInvalid(NAME, "the ID token has no usable subject")
        email = profile.email(claims.get("email"))
        return Profile(
            provider=NAME,
            subject=subject,
            email=email,
            email_verified=email is not None and claims.get("email_verified") is True,
            nickname=profile.nickname(claims.get("name")),
            picture=profile.picture(claims.get("picture")),
        )
