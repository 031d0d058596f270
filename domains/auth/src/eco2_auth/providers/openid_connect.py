"""What Google and Kakao have in common: OpenID Connect with the authorization code flow."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eco2_auth.providers import discovery, keys
from eco2_auth.providers.cached import Cached
from eco2_auth.providers.discovery import Metadata, discover
from eco2_auth.providers.errors import ProviderAnswerInvalid
from eco2_auth.providers.http import Http
from eco2_auth.providers.id_token import Expected, UnknownKey, check_id_token
from eco2_auth.providers.keys import KeySet, fetch_keys
from eco2_auth.providers.oauth import AuthorizationCode
from eco2_auth.providers.settings import ProviderCredentials


@dataclass(frozen=True, slots=True)
class Habits:
    """In what providers differ.

    Attributes:
        scope: None: what is configured at the provider.
        more_issuers: other values that its ID tokens have as `iss`.
        as_announced: PKCE and nonce only where the discovery lists them, else always.
    """

    scope: str | None = None
    more_issuers: frozenset[str] = frozenset()
    as_announced: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of a login: the checked claims of the ID token, and the access token."""

    claims: Mapping[str, Any] = field(repr=False)
    access_token: str = field(repr=False)


class OpenIdConnect:
    """One client at one issuer.

    Args:
        clock: seconds since the epoch, for the times in ID tokens.
        monotonic: seconds, for how long documents are kept.
    """

    def __init__(
        self,
        name: str,
        issuer: str,
        credentials: ProviderCredentials,
        http: Http,
        habits: Habits,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._client_id = credentials.client_id
        self._http = http
        self._habits = habits
        self._clock = clock
        self._code = AuthorizationCode(name, credentials, http)
        self._metadata = Cached(lambda: discover(name, issuer, http), discovery.SECONDS, monotonic)
        self._keys = Cached(self._fetch_keys, keys.SECONDS, monotonic)

    async def metadata(self) -> Metadata:
        """Its discovery. Raises ProviderError."""
        return await self._metadata.get()

    async def authorization(self, *, redirect_uri: str, state: str, nonce: str, code_verifier: str) -> str:
        """The address to send the browser to. Raises ProviderError."""
        metadata = await self._metadata.get()
        return self._code.url(
            metadata.authorization_endpoint,
            redirect_uri=redirect_uri,
            state=state,
            code_verifier=self._if(metadata.s256, code_verifier),
            nonce=self._if(metadata.nonce, nonce),
            scope=self._habits.scope,
        )

    async def sign_in(
        self, *, code: str, nonce: str, code_verifier: str, redirect_uri: str, issuer: str | None
    ) -> SignedIn:
        """Redeem a code. Raises ProviderError."""
        metadata = await self._metadata.get()
        self._check_issuer(metadata, issuer)
        answer = await self._code.exchange(
            metadata.token_endpoint,
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=self._if(metadata.s256, code_verifier),
        )
        expected = Expected(
            provider=self._name,
            issuers=self._habits.more_issuers | {metadata.issuer},
            client_id=self._client_id,
            nonce=self._if(metadata.nonce, nonce),
        )
        return SignedIn(await self._checked(answer.get("id_token"), expected), answer["access_token"])

    def _check_issuer(self, metadata: Metadata, issuer: str | None) -> None:
        """RFC 9207 section 2.4. A code of another issuer must not be sent anywhere."""
        if issuer is None:
            if metadata.names_issuer:
                raise ProviderAnswerInvalid(self._name, "the callback does not name the issuer")
        elif issuer != metadata.issuer:
            raise ProviderAnswerInvalid(self._name, "the callback is of another issuer")

    async def _checked(self, token: object, expected: Expected) -> Mapping[str, Any]:
        known = await self._keys.get()
        try:
            return check_id_token(token, known, expected, self._clock())
        except UnknownKey:
            known = await self._keys.get(newer_than=known)
        try:
            return check_id_token(token, known, expected, self._clock())
        except UnknownKey:
            raise ProviderAnswerInvalid(self._name, "the ID token is signed by an unknown key") from None

    async def _fetch_keys(self) -> KeySet:
        return await fetch_keys(self._name, (await self._metadata.get()).jwks_uri, self._http)

    def _if(self, announced: bool, value: str) -> str | None:
        return value if announced or not self._habits.as_announced else None
