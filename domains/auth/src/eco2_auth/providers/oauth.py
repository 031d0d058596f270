"""The authorization code grant by Authlib (RFC 6749 section 4.1, RFC 7636)."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]

from eco2_auth.providers.errors import ProviderAnswerInvalid, refusal
from eco2_auth.providers.http import Http
from eco2_auth.providers.settings import ProviderCredentials

_METHOD: Final = "client_secret_post"
"""All three understand it, and Kakao nothing else."""


class AuthorizationCode:
    """Authorization requests and token requests of one client at one provider."""

    def __init__(self, provider: str, credentials: ProviderCredentials, http: Http) -> None:
        self._provider = provider
        self._credentials = credentials
        self._http = http

    def url(
        self, endpoint: str, *, redirect_uri: str, state: str, code_verifier: str | None, **more: str | None
    ) -> str:
        """The authorization request.

        Args:
            code_verifier: None: without PKCE.
            more: parameters of the provider; None: left out.
        """
        extra = {name: value for name, value in more.items() if value is not None}
        url, _ = self._client().create_authorization_url(
            endpoint, state=state, redirect_uri=redirect_uri, code_verifier=code_verifier, **extra
        )
        return str(url)

    async def exchange(
        self, endpoint: str, *, code: str, redirect_uri: str, code_verifier: str | None, **more: str
    ) -> Mapping[str, Any]:
        """The token answer; it has an access token.

        Raises:
            ProviderError: there is none.
        """
        extra = more if code_verifier is None else {"code_verifier": code_verifier, **more}
        # As a body, since fetch_token() keeps an argument `state` for itself.
        client, responses = self._client(), list[httpx2.Response]()
        client.register_compliance_hook("access_token_response", lambda response: _keep(responses, response))
        try:
            async with self._http.limits(self._provider, "the token endpoint"):
                answer: Mapping[str, Any] = await client.fetch_token(
                    endpoint, urlencode(extra), grant_type="authorization_code", code=code, redirect_uri=redirect_uri
                )
        except OAuthError as error:
            detail = responses[0].json().get("error_code")
            raise refusal(self._provider, error.error if isinstance(error.error, str) else "", detail) from None
        if responses[0].status_code != httpx2.codes.OK or not isinstance(answer.get("access_token"), str):
            raise ProviderAnswerInvalid(self._provider, "the token endpoint gave no access token")
        return answer

    def _client(self) -> Any:
        """One per login: it remembers the last token, and logins run side by side.

        It is never closed, since the connections are not its own.
        """
        return AsyncOAuth2Client(
            client_id=self._credentials.client_id,
            client_secret=self._credentials.client_secret.get_secret_value(),
            token_endpoint_auth_method=_METHOD,
            code_challenge_method="S256",
            transport=self._http.transport,
            trust_env=False,
            timeout=self._http.seconds,
        )


def _keep(responses: list[httpx2.Response], response: httpx2.Response) -> httpx2.Response:
    """Remember what Authlib does not hand on: the status, and what Kakao adds to errors."""
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        response.raise_for_status()
    responses.append(response)
    return response
