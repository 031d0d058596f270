"""Asking another domain that fails in every way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.aio import becomes
from support.services import serve

from eco2_service import peers
from eco2_service.metrics import Metrics
from eco2_service.peers import CircuitOpen, Peer, PeerUnavailable
from eco2_service.request_scope import enter_request

Answer = Callable[[int, Request], Awaitable[Response]]


class Other:
    """A domain whose answers a test decides; counts how often it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked = 0
        self._answer = answer

    async def __call__(self, request: Request) -> Response:
        self.asked += 1
        return await self._answer(self.asked, request)


@asynccontextmanager
async def asking(answer: Answer, **options: Any) -> AsyncIterator[tuple[Peer, Other, Metrics]]:
    other, metrics = Other(answer), Metrics(name="x", version="1")

    async def endpoint(request: Request) -> Response:
        return await other(request)

    async with serve(Starlette(routes=[Route("/thing", endpoint, methods=["GET", "POST"])])) as client:
        peer = Peer("other", str(client.base_url), metrics=metrics, **options)
        try:
            yield peer, other, metrics
        finally:
            await peer.close()


async def test_it_shows_its_token_and_the_request_id() -> None:
    async def answer(_count: int, request: Request) -> Response:
        return JSONResponse({name: request.headers[name] for name in ("authorization", "x-request-id")})

    async with asking(answer, token=SecretStr("a-token")) as (peer, _other, metrics):
        enter_request("request-1")
        got = (await peer.request("GET", "/thing")).json()
    assert got == {"authorization": "Bearer a-token", "x-request-id": "request-1"}
    assert 'dependency="other",result="ok"} 1.0' in metrics.render().decode()


async def test_an_answer_below_500_is_one() -> None:
    async def answer(_count: int, _request: Request) -> Response:
        return Response(status_code=404)

    async with asking(answer) as (peer, other, _metrics):
        assert (await peer.request("GET", "/thing")).status_code == 404
        assert other.asked == 1


async def test_it_is_asked_again_when_it_may_help() -> None:
    async def answer(count: int, _request: Request) -> Response:
        return Response(status_code=503 if count < 3 else 200)

    async with asking(answer) as (peer, other, _metrics):
        assert (await peer.request("GET", "/thing")).status_code == 200
        assert other.asked == 3


async def test_what_must_not_happen_twice_is_asked_once() -> None:
    async def answer(_count: int, _request: Request) -> Response:
        return Response(status_code=503)

    async with asking(answer) as (peer, other, metrics):
        with pytest.raises(PeerUnavailable, match="other: status 503"):
            await peer.request("POST", "/thing", json={}, idempotent=False)
        assert other.asked == 1
    assert 'dependency="other",result="error"} 1.0' in metrics.render().decode()


async def test_all_attempts_together_have_a_limit() -> None:
    async def answer(_count: int, _request: Request) -> Response:
        await asyncio.sleep(1)
        return Response()

    async with asking(answer, timeout=0.2) as (peer, other, _metrics):
        with pytest.raises(PeerUnavailable, match="other: timeout"):
            await peer.request("GET", "/thing")
        assert other.asked <= 2


async def test_nobody_there() -> None:
    peer = Peer("other", "http://127.0.0.1:1", metrics=Metrics(name="x", version="1"))
    with pytest.raises(PeerUnavailable, match="other: unreachable"):
        await peer.request("GET", "/thing")
    await peer.close()


async def test_after_some_failures_it_is_left_alone_and_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "OPEN_SECONDS", 0.3)
    well = asyncio.Event()

    async def answer(_count: int, _request: Request) -> Response:
        return Response(status_code=200 if well.is_set() else 500)

    async with asking(answer, attempts=1) as (peer, other, _metrics):
        for _ in range(peers.OPEN_AFTER):
            with pytest.raises(PeerUnavailable):
                await peer.request("GET", "/thing")
        with pytest.raises(CircuitOpen, match="other: circuit open"):
            await peer.request("GET", "/thing")
        assert other.asked == peers.OPEN_AFTER
        well.set()
        async with asyncio.timeout(10):
            while True:
                try:
                    answered = await peer.request("GET", "/thing")
                    break
                except CircuitOpen:
                    await asyncio.sleep(0.05)
        assert answered.status_code == 200
        assert (await peer.request("GET", "/thing")).status_code == 200


async def test_of_many_that_come_when_it_is_time_one_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "OPEN_SECONDS", 0.05)
    tries = asyncio.Event()

    async def answer(count: int, _request: Request) -> Response:
        if count > peers.OPEN_AFTER:
            await tries.wait()
        return Response(status_code=500)

    async with asking(answer, attempts=1) as (peer, other, _metrics):
        await open_circuit(peer)
        trying = asyncio.create_task(until_it_is_asked(peer))
        await becomes(lambda: other.asked > peers.OPEN_AFTER)
        for _ in range(3):
            with pytest.raises(CircuitOpen):
                await peer.request("GET", "/thing")
        tries.set()
        with pytest.raises(PeerUnavailable, match="status 500"):
            await trying
        assert other.asked == peers.OPEN_AFTER + 1


async def open_circuit(peer: Peer) -> None:
    for _ in range(peers.OPEN_AFTER):
        with pytest.raises(PeerUnavailable):
            await peer.request("GET", "/thing")


async def until_it_is_asked(peer: Peer) -> None:
    while True:
        try:
            await peer.request("GET", "/thing")
        except CircuitOpen:
            await asyncio.sleep(0.01)


async def test_calls_that_are_refused_leave_nothing_behind() -> None:
    async def answer(_count: int, _request: Request) -> Response:
        return Response(status_code=500)

    async with asking(answer, attempts=1) as (peer, _other, _metrics):
        await open_circuit(peer)
        for _ in range(3):
            with pytest.raises(CircuitOpen) as caught:
                await peer.request("GET", "/thing")
        state = caught.value.__context__  # the same each time, as long as the circuit is open
        assert state is not None
        assert state.__traceback__ is None


async def test_why_there_was_no_answer_is_logged() -> None:
    async def answer(_count: int, _request: Request) -> Response:
        return Response(status_code=503)

    with structlog.testing.capture_logs() as lines:
        async with asking(answer, attempts=1) as (peer, _other, _metrics):
            with pytest.raises(PeerUnavailable):
                await peer.request("GET", "/thing")
    (line,) = (line for line in lines if line["event"] == "no answer")
    assert (line["peer"], line["reason"]) == ("other", "status 503")
