"""The reference transport, in this process. Its TLS is in tests/authz/test_conformance.py."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from eco2_authz.http2.limits import Limits
from eco2_authz.transports import grpcio
from eco2_authz.transports.grpcio import GrpcioServer
from eco2_authz.transports.server import CHECK, CHECK_SERVICE, Answer, Options

Serve = Callable[..., Awaitable[GrpcioServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[GrpcioServer] = []

    async def start(answer: Answer = bytes, *, address: str = "127.0.0.1:0", **options: Any) -> GrpcioServer:
        limits = Limits(body=65_535)
        options = {"too_large": lambda: b"too large", "broken": lambda: b"refused", "limits": limits, **options}
        servers.append(await grpcio.serve(answer, Options(address=address, **options)))
        return servers[-1]

    yield start
    for server in servers:
        await server.drain(0)


async def ask(server: GrpcioServer, message: bytes) -> bytes:
    async with grpc.aio.insecure_channel(server.address) as channel:
        answer: bytes = await channel.unary_unary(CHECK)(message)
        return answer


async def test_answers_at_once_and_later(serve: Serve) -> None:
    async def later(message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message[::-1]

    server = await serve(lambda message: later(message) if message == b"later" else message)
    assert await ask(server, b"at once") == b"at once"
    assert await ask(server, b"later") == b"retal"


async def test_what_is_too_large_gets_an_answer(serve: Serve) -> None:
    server = await serve()
    assert await ask(server, bytes(65_530)) == bytes(65_530)
    assert await ask(server, bytes(65_531)) == b"too large"


@pytest.mark.parametrize("later", [False, True])
async def test_an_answer_that_raises_is_a_refusal(serve: Serve, later: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def raising_later(message: bytes) -> bytes:
        raise RuntimeError("broken")

    def raising(message: bytes) -> bytes:
        raise RuntimeError("broken")

    server = await serve(raising_later if later else raising)
    assert await ask(server, b"question") == b"refused"
    assert "RuntimeError: broken" in caplog.text


async def test_health(serve: Serve) -> None:
    server = await serve()
    async with grpc.aio.insecure_channel(server.address) as channel:
        health = HealthStub(channel)
        for serving, status in ((False, HealthCheckResponse.NOT_SERVING), (True, HealthCheckResponse.SERVING)):
            await server.set_serving(serving)
            for service in ("", CHECK_SERVICE):
                assert (await health.Check(HealthCheckRequest(service=service))).status == status


async def test_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    server = await serve(address=address)
    assert server.address == address
    assert await ask(server, b"question") == b"question"
    await server.drain(1)
    assert not (tmp_path / "socket").exists()


async def test_an_address_that_cannot_be_had(serve: Serve) -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:0"):
        await serve(address="192.0.2.1:0")


async def test_draining_answers_what_was_begun(serve: Serve) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def later(message: bytes) -> bytes:
        begun.set()
        await release.wait()
        return message

    server = await serve(later)
    call = asyncio.create_task(ask(server, b"question"))
    await begun.wait()
    draining = asyncio.create_task(server.drain(30))
    await asyncio.sleep(0)
    release.set()
    assert await call == b"question"
    await draining
    assert server.connections is None
