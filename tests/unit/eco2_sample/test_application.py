from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from eco2_sample.application import TOKEN_PATH, Application
from eco2_sample.identity import Identity
from eco2_sample.keys import make_key
from eco2_sample.tokens import Issuer

Client = TestClient[Any, Any]
Connect = Callable[[Application], AbstractAsyncContextManager[Client]]
KEY = make_key()


def application(*, ready: bool = True) -> Application:
    return Application(Identity("chat", "7", "chat-1"), Issuer("https://issuer.test", KEY), ready=ready)


@asynccontextmanager
async def client_of(app: Application) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app.build())) as client:
        yield client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with client_of(application()) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_it_is_alive_and_ready(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 200


async def test_it_can_be_alive_and_never_ready() -> None:
    async with client_of(application(ready=False)) as client:
        assert (await client.get("/health")).status == 200
        assert (await client.get("/ready")).status == 503


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_everything_else_is_echoed(client: Client, method: str) -> None:
    response = await client.request(method, "/api/v1/chat/history?page=2", headers={"X-User-Id": "u1"})
    body = await response.json()
    headers = body.pop("headers")
    assert body == {
        "service": "chat",
        "version": "7",
        "pod": "chat-1",
        "path": "/api/v1/chat/history?page=2",
        "method": method,
    }
    assert ["X-User-Id", "u1"] in headers


async def test_a_header_that_comes_twice_is_seen_twice(client: Client) -> None:
    given = [("x-user-id", "a"), ("x-user-id", "b"), ("X_User_Id", "c")]
    response = await client.get("/", headers=given)
    assert [tuple(pair) for pair in (await response.json())["headers"] if tuple(pair) in given] == given


async def test_its_tokens_are_of_the_published_key(client: Client) -> None:
    (key,) = (await (await client.get("/.well-known/jwks.json")).json())["keys"]
    token = await (await client.get(TOKEN_PATH, params={"sub": "u1", "ttl": "60"})).json()
    assert token.keys() == {"access_token", "token_type", "expires_in"}
    assert token["expires_in"] == 60
    assert key["kty"] == "RSA"


@pytest.mark.parametrize("path", [f"{TOKEN_PATH}?ttl=long", f"{TOKEN_PATH}?ttl=inf", "/?delay=nan"])
async def test_what_is_no_number_is_refused(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 400


async def test_answers_are_counted(client: Client) -> None:
    await client.get("/a")
    await client.get("/b")
    await client.post("/?delay=soon")
    response = await client.get("/metrics/status")
    lines = (await response.text()).splitlines()
    assert 'sample_requests_total{method="GET",status="200"} 2' in lines
    assert 'sample_requests_total{method="POST",status="400"} 1' in lines
    assert "sample_requests_in_flight 1" in lines  # this one


async def test_at_the_end_connections_are_closed() -> None:
    def keeps(response: ClientResponse) -> bool:
        return response.headers.get("Connection", "keep-alive") == "keep-alive"

    app = application()
    async with client_of(app) as client:
        assert keeps(await client.get("/"))
        app.end()
        assert not keeps(await client.get("/"))
