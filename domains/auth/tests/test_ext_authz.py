"""The tokens of a real auth, as a real ext-authz sees them."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx2
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from pydantic import SecretStr
from support.auth import AUDIENCE, ISSUER, part
from support.auth_browser import Browser
from support.auth_process import AuthProcess, running
from support.authz import envoy_server
from support.authz.envoy_server import Server
from support.postgres import Postgres
from support.waits import eventually

from eco2_auth.settings import Settings

CHECK = "/envoy.service.auth.v3.Authorization/Check"
SECRET = "0123456789abcdef0123456789abcdef"
MODES = pytest.mark.parametrize("mode", ["lookup", "mirror"])


class Gateway:
    """What the gateway asks about each request."""

    def __init__(self, server: Server, channel: grpc.Channel) -> None:
        self.server = server
        self._check = channel.unary_unary(
            CHECK, request_serializer=CheckRequest.SerializeToString, response_deserializer=CheckResponse.FromString
        )

    def ask(self, **headers: str) -> CheckResponse:
        request = CheckRequest()
        http = request.attributes.request.http
        http.method, http.path, http.host = "GET", "/api/v1/scan/categories", "api.test"
        http.headers.update(headers)
        return self._check(request, timeout=10)

    def admits(self, token: str) -> bool:
        return not self.ask(authorization=f"Bearer {token}").HasField("denied_response")

    def why_not(self, token: str) -> str:
        return self.ask(authorization=f"Bearer {token}").denied_response.body


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def start(tmp_path: Path, auth_settings: Settings, stack: ExitStack) -> Callable[..., AuthProcess]:
    """Start an auth; `changes` are of its settings."""

    def make(**changes: object) -> AuthProcess:
        return stack.enter_context(running(tmp_path, auth_settings.model_copy(update=changes)))

    return make


@pytest.fixture
def guard(auth_settings: Settings, stack: ExitStack) -> Callable[..., Gateway]:
    """Start an ext-authz."""

    def make(**environ: str) -> Gateway:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eco2-")))  # short: it holds a socket
        common = {
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "REDIS_URL": auth_settings.redis_url.get_secret_value(),
        }
        server = stack.enter_context(envoy_server.running(folder, settings={**common, **environ}))
        return Gateway(server, stack.enter_context(grpc.insecure_channel(server.endpoints[0])))

    return make


SignIn = Callable[[AuthProcess], Awaitable[Browser]]


@pytest.fixture
async def sign_in() -> AsyncIterator[SignIn]:
    clients = []

    async def go(auth: AuthProcess) -> Browser:
        client = httpx2.AsyncClient(base_url=auth.url, timeout=30, trust_env=False)
        clients.append(client)
        browser = Browser(client)
        assert "s_access" not in browser.cookies
        await browser.sign_in("kakao")
        return browser

    yield go
    for client in clients:
        await client.aclose()


def keys_url(auth: AuthProcess) -> str:
    return f"{auth.url}/.well-known/jwks.json"


@MODES
async def test_accepted_until_logout(
    start: Callable[..., AuthProcess], guard: Callable[..., Gateway], sign_in: SignIn, mode: str
) -> None:
    auth = start()
    gateway = guard(JWKS_URL=keys_url(auth), AUTHZ_REDIS_MODE=mode)
    browser = await sign_in(auth)
    token = browser.value("s_access")
    answer = gateway.ask(cookie=f"s_access={token}", **{"x-user-id": "admin"})
    headers = {option.header.key: option.header.value for option in answer.ok_response.headers}
    assert (headers["x-user-id"], headers["x-auth-provider"]) == (part(token, 1)["sub"], "kakao")
    assert gateway.admits(token)
    assert "refresh" not in gateway.why_not(browser.value("s_refresh"))  # denied, and told nothing of it
    assert not gateway.admits(browser.value("s_refresh"))

    took = []
    for _ in range(10):
        browser = await sign_in(auth)
        token = browser.value("s_access")
        assert gateway.admits(token)
        assert (await browser.post("/api/v1/auth/logout")).status_code == 204
        begin = time.perf_counter()
        eventually(lambda token=token: not gateway.admits(token), within=1)  # type: ignore[misc]
        took.append((time.perf_counter() - begin) * 1000)
        assert "blacklisted" in gateway.why_not(token)
    print(f"\n{mode}: refused {max(took):.1f} ms after the logout was answered (median {sorted(took)[5]:.1f} ms)")


@MODES
async def test_a_stolen_refresh_token_costs_the_session(
    start: Callable[..., AuthProcess], guard: Callable[..., Gateway], sign_in: SignIn, mode: str, redis_server: object
) -> None:
    auth = start()
    gateway = guard(JWKS_URL=keys_url(auth), AUTHZ_REDIS_MODE=mode)
    browser = await sign_in(auth)
    first, stolen = browser.value("s_access"), browser.value("s_refresh")
    await browser.post("/api/v1/auth/refresh")
    second = browser.value("s_access")
    assert gateway.admits(first)
    assert gateway.admits(second)
    with redis_server.client() as client:  # type: ignore[attr-defined]
        (used,) = [key for key in client.keys("auth:refresh:*") if client.hexists(key, "used_at")]
        client.hincrby(used, "used_at", -10_000)
    async with httpx2.AsyncClient(base_url=auth.url, trust_env=False) as thief:
        assert (await thief.post("/api/v1/auth/refresh", json={"refresh_token": stolen})).status_code == 401
    eventually(lambda: not gateway.admits(first) and not gateway.admits(second), within=1)


async def test_a_key_rotation(
    start: Callable[..., AuthProcess],
    guard: Callable[..., Gateway],
    sign_in: SignIn,
    pems: tuple[str, str, str],
    postgres: Postgres,
    auth_settings: Settings,
) -> None:
    database = auth_settings.database_url.get_secret_value().rsplit("/", 1)[1]

    def kid(browser: Browser) -> str:
        found: str = part(browser.value("s_access"), 0)["kid"]
        return found

    old = start(jwt_signing_keys=SecretStr(pems[0]))
    gateway = guard(JWKS_URL=keys_url(old), JWKS_REFRESH_SECONDS="0.2")
    before = await sign_in(old)
    assert gateway.admits(before.value("s_access"))

    both = start(jwt_signing_keys=SecretStr(pems[1] + pems[0]))
    during = await sign_in(both)
    assert kid(during) == kid(before)  # the new key is published, and not used yet
    assert gateway.admits(during.value("s_access"))

    def new_key_is_published() -> bool:
        return len(httpx2.get(keys_url(old), trust_env=False).json()["keys"]) == 2

    await asyncio.to_thread(eventually, new_key_is_published)
    postgres.execute(
        "UPDATE auth.signing_keys SET published_at = published_at - interval '31 minutes'", database=database
    )
    new = start(jwt_signing_keys=SecretStr(pems[1] + pems[0]))
    after = await sign_in(new)
    assert kid(after) != kid(before)
    for browser in (before, during, after):
        assert gateway.admits(browser.value("s_access"))
    # A session goes on over the rotation, whichever process it meets.
    for auth, browser in ((new, before), (old, after)):
        async with httpx2.AsyncClient(base_url=auth.url, trust_env=False) as client:
            sent = {"refresh_token": browser.value("s_refresh")}
            answer = await client.post("/api/v1/auth/refresh", json=sent)
            assert answer.status_code == 200
            assert gateway.admits(answer.json()["access_token"])

    for process in (old, both, new):
        process.stop()
    alone = start(jwt_signing_keys=SecretStr(pems[1]))
    gateway = guard(JWKS_URL=keys_url(alone), JWKS_REFRESH_SECONDS="0.2")
    assert gateway.admits(before.value("s_access"))  # its key signs no more, and is still published
    assert gateway.admits(after.value("s_access"))
    postgres.execute(
        "UPDATE auth.signing_keys SET last_signed_until = now() - interval '1 s', seen_at = now() - interval '2 h' "
        "WHERE kid = $1",
        kid(before),
        database=database,
    )
    await asyncio.to_thread(eventually, lambda: not gateway.admits(before.value("s_access")))
    assert "unknown_key" in gateway.why_not(before.value("s_access"))
    assert gateway.admits(after.value("s_access"))


async def test_hs256(start: Callable[..., AuthProcess], guard: Callable[..., Gateway], sign_in: SignIn) -> None:
    auth = start(jwt_algorithm="HS256", jwt_signing_keys=SecretStr(""), jwt_secret_key=SecretStr(SECRET))
    gateway = guard(JWT_ALGORITHMS="HS256", JWT_SECRET_KEY=SECRET)
    browser = await sign_in(auth)
    token = browser.value("s_access")
    assert part(token, 0)["alg"] == "HS256"
    assert gateway.admits(token)
    assert (await browser.get("/.well-known/jwks.json")).json() == {"keys": []}
    assert (await browser.post("/api/v1/auth/refresh")).status_code == 200
    assert gateway.admits(browser.value("s_access"))
    assert (await browser.post("/api/v1/auth/logout")).status_code == 204
    eventually(lambda: not gateway.admits(token), within=1)
