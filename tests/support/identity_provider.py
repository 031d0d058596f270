"""Google, Kakao and Naver on this machine, and a browser that signs in there.

Fixtures, to import where they are needed: `identity_provider_server`, `identity_providers` and `provider_http`.
"""

import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from eco2_auth.providers import Http, Profile, Provider, ProviderCredentials, ProviderSettings
from eco2_identity_provider.consent import USER_HEADER
from eco2_identity_provider.testing import REDIRECT_BASE, RunningProviders, running


@dataclass(frozen=True)
class Callback:
    """With what a browser comes back."""

    uri: str
    parameters: dict[str, str]

    @property
    def code(self) -> str:
        """It has one."""
        return self.parameters["code"]


def callback_uri(provider: str, base: str = REDIRECT_BASE) -> str:
    """The address that is registered at a provider."""
    return f"{base}/api/v1/auth/{provider}/callback"


async def sign_in(authorization: str, user: str = "first") -> Callback:
    """Go to a provider as that user and come back. `user`: a name of eco2_identity_provider.users, or ``deny``."""
    async with httpx2.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(authorization, headers={USER_HEADER: user})
    assert answer.status_code == 302, answer.text
    address = urlsplit(answer.headers["location"])
    return Callback(f"{address.scheme}://{address.netloc}{address.path}", dict(parse_qsl(address.query)))


def _random() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Login:
    """A login under way at a provider."""

    provider: Provider
    state: str = field(default_factory=_random)
    nonce: str = field(default_factory=_random)
    code_verifier: str = field(default_factory=_random)

    async def begin(self) -> str:
        """Where the browser is sent."""
        return await self.provider.authorization(
            redirect_uri=callback_uri(self.provider.name),
            state=self.state,
            nonce=self.nonce,
            code_verifier=self.code_verifier,
        )

    async def come_back(self, user: str = "first") -> Callback:
        """The browser goes there and returns."""
        return await sign_in(await self.begin(), user)

    async def finish(self, callback: Callback, **other: str | None) -> Profile:
        """Redeem what it returned with; `other` is sent in place of the right values."""
        sent: dict[str, str | None] = {
            "code": callback.code,
            "state": self.state,
            "nonce": self.nonce,
            "code_verifier": self.code_verifier,
            "redirect_uri": callback_uri(self.provider.name),
            "issuer": callback.parameters.get("iss"),
            **other,
        }
        return await self.provider.profile(**sent)  # type: ignore[arg-type]

    async def run(self, user: str = "first", **other: str | None) -> Profile:
        """All of it."""
        return await self.finish(await self.come_back(user), **other)


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return dict(parse_qsl(urlsplit(url).query))


def provider_settings(running_providers: RunningProviders) -> ProviderSettings:
    """What the auth domain has to know of them."""

    def credentials(name: str) -> ProviderCredentials:
        client = running_providers.client(name)
        return ProviderCredentials(client.id, SecretStr(client.secret))

    return ProviderSettings(
        google=credentials("google"),
        kakao=credentials("kakao"),
        naver=credentials("naver"),
        google_issuer=running_providers.issuer("google"),
        kakao_issuer=running_providers.issuer("kakao"),
        naver_auth_url=running_providers.issuer("naver"),
        naver_api_url=running_providers.issuer("naver"),
    )


@pytest.fixture(scope="session")
def identity_provider_server() -> Iterator[RunningProviders]:
    """One for all tests of a process."""
    with running() as providers:
        yield providers


@pytest.fixture
def identity_providers(identity_provider_server: RunningProviders) -> RunningProviders:
    """All goes well there, and nothing was called yet."""
    identity_provider_server.reset()
    return identity_provider_server


@pytest.fixture
async def provider_http() -> AsyncIterator[Http]:
    """The auth domain's side of the connections, patient enough for a busy machine."""
    http = Http(seconds=30.0)
    yield http
    await http.close()
