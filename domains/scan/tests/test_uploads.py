"""The bytes of images, read by a thread: in time, again when it may help, and not without end."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from support.scan_peers import Peers
from support.services import SERVICE_TOKEN, serve

from eco2_scan import uploads
from eco2_scan.uploads import ContentGone, Contents, ContentUnavailable
from eco2_service.metrics import Metrics

Read = Callable[..., Any]


@contextmanager
def contents(url: str, *, timeout: float = 10, attempts: int = 3, token: str | None = SERVICE_TOKEN) -> Any:
    metrics = Metrics(name="scan", version="0")
    made = Contents(url, token=SecretStr(token) if token else None, metrics=metrics, timeout=timeout, attempts=attempts)
    try:
        yield lambda image, user="user-1": asyncio.to_thread(made.read, user, uuid.UUID(image))
    finally:
        made.close()


async def test_the_bytes_come_as_they_are(peers: Peers) -> None:
    with contents(peers.image_url) as read:
        assert await read(peers.upload(b"\x00\xff" * 100_000)) == b"\x00\xff" * 100_000


@pytest.mark.parametrize("troubles", [[500], [503, 401]])
async def test_it_is_asked_again(peers: Peers, troubles: list[int]) -> None:
    peers.trouble["/content"] = list(troubles)
    with contents(peers.image_url) as read:
        assert await read(peers.upload(b"bytes")) == b"bytes"
    assert peers.calls("/content") == len(troubles) + 1


async def test_after_the_last_attempt_it_is_unavailable(peers: Peers) -> None:
    peers.stuck["/content"] = 502
    with contents(peers.image_url, attempts=2) as read, pytest.raises(ContentUnavailable, match="status 502"):
        await read(peers.upload(b"bytes"))
    assert peers.calls("/content") == 2


async def test_who_shows_no_token_gets_nothing(peers: Peers) -> None:
    with contents(peers.image_url, attempts=1, token=None) as read, pytest.raises(ContentUnavailable, match="401"):
        await read(peers.upload(b"bytes"))


async def test_an_address_where_nobody_is() -> None:
    with contents("http://127.0.0.1:1", attempts=2) as read, pytest.raises(ContentUnavailable, match="ConnectError"):
        await read(str(uuid.uuid4()))


@pytest.mark.parametrize(("state", "reason"), [("pending", "image_not_ready"), (None, "image_unknown")])
async def test_what_is_not_there_is_not_asked_for_again(peers: Peers, state: str | None, reason: str) -> None:
    image = str(uuid.uuid4()) if state is None else peers.upload(b"bytes", state=state)
    with contents(peers.image_url) as read, pytest.raises(ContentGone) as gone:
        await read(image)
    assert gone.value.reason == reason
    assert peers.calls("/content") == 1


async def test_another_users_is_not_there(peers: Peers) -> None:
    with contents(peers.image_url) as read, pytest.raises(ContentGone):
        await read(peers.upload(b"bytes", user_id="user-2"))


async def test_who_says_nothing_is_not_waited_for(peers: Peers) -> None:
    peers.silent.add("/content")
    with contents(peers.image_url, timeout=0.2) as read, pytest.raises(ContentUnavailable, match="Timeout"):
        await read(peers.upload(b"bytes"))
    assert peers.calls("/content") == 1


async def test_an_image_that_is_too_large_is_not_read_to_its_end(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LONGEST", 1000)
    with contents(peers.image_url) as read, pytest.raises(ContentGone) as gone:
        await read(peers.upload(b"x" * 1001))
    assert gone.value.reason == "image_too_large"


async def test_a_trickle_ends() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async def drip(_request: Request) -> Response:
        return StreamingResponse(trickle())

    path = "/api/v1/internal/images/{image}/content"
    async with serve(Starlette(routes=[Route(path, drip)])) as client:
        url = str(client.base_url)
        with contents(url, timeout=0.3) as read, pytest.raises(ContentUnavailable, match="timeout"):
            await read(str(uuid.uuid4()))
