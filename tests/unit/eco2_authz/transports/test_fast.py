"""The fast transport on real sockets, in this process."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support.aio import becomes
from support.authz.http2_frames import (
    PingFrame,
    RstStreamFrame,
    call_frames,
    written,
)
from support.authz.http2_streams import Peer, connected, end_of, goaways

from eco2_authz.http2.connection import Connection
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.stream import Stream
from eco2_authz.transports.fast import FastServer
from eco2_authz.transports.server import CHECK, CHECK_SERVICE

Serve = Callable[..., Awaitable[FastServer]]


async def test_calls_of_a_real_client(serve: Serve) -> None:
    async def later(message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message[::-1]

    server = await serve(lambda message: later(message) if message.startswith(b"later") else message)
    async with grpc.aio.insecure_channel(server.address) as channel:
        check = channel.unary_unary(CHECK)
        assert await asyncio.gather(*[check(b"%d" % number) for number in range(50)]) == [b"%d" % n for n in range(50)]
        assert await check(b"later") == b"retal"
        assert await check(b"x" * 200_000) == b"x" * 200_000
        assert await check(b"x" * 300_000) == b"too large"
        with pytest.raises(grpc.aio.AioRpcError, match="no such method"):
            await channel.unary_unary(f"/{CHECK_SERVICE}/Other")(b"")


async def test_health(serve: Serve) -> None:
    server = await serve()
    async with grpc.aio.insecure_channel(server.address) as channel:
        health = HealthStub(channel)
        for serving, status in ((False, HealthCheckResponse.NOT_SERVING), (True, HealthCheckResponse.SERVING)):
            await server.set_serving(serving)
            for service in ("", CHECK_SERVICE):
                assert (await health.Check(HealthCheckRequest(service=service))).status == status
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health.Check(HealthCheckRequest(service="other"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError) as malformed:
            await channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff")
        assert malformed.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    server = await serve(address=f"unix:{tmp_path / 'socket'}")
    async with grpc.aio.insecure_channel(server.address) as channel:
        assert await channel.unary_unary(CHECK)(b"question") == b"question"
    await server.drain(1)
    assert not (tmp_path / "socket").exists()


async def test_connections_are_counted(serve: Serve) -> None:
    server = await serve()
    async with connected(server.address), connected(server.address):
        await becomes(lambda: server.connections == 2)
    await becomes(lambda: server.connections == 0)


async def test_too_many_connections(serve: Serve) -> None:
    faults: list[ErrorCode] = []
    server = await serve(limits={"connections": 1}, on_fault=faults.append)
    async with connected(server.address) as first:
        await becomes(lambda: server.connections == 1)
        async with connected(server.address) as second:
            assert goaways(await second.ended()) in ([], [(0, ErrorCode.ENHANCE_YOUR_CALM)])
        first.send(*call_frames(first.encoder, 1, b"question"))
        await first.until(end_of(1))
    assert faults == [ErrorCode.ENHANCE_YOUR_CALM]


async def test_faults_are_told(serve: Serve) -> None:
    faults: list[ErrorCode] = []
    server = await serve(on_fault=faults.append)
    async with connected(server.address) as peer:
        peer.send(b"\xff" * 9)
        assert goaways(await peer.ended()) == [(0, ErrorCode.FRAME_SIZE_ERROR)]
    assert faults == [ErrorCode.FRAME_SIZE_ERROR]


@pytest.mark.usefixtures("quick")
async def test_nobody_may_be_slow_with_the_preface(serve: Serve) -> None:
    server = await serve(limits={"handshake": 0.05})
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    assert goaways(await Peer(reader, writer).ended()) == [(0, ErrorCode.SETTINGS_TIMEOUT)]
    writer.close()


# -- answers ---------------------------------------------------------------------------------------------------------


async def test_many_answers_that_are_ready_together_are_written_together(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = asyncio.Event()

    async def later(message: bytes) -> bytes:
        await ready.wait()
        return message

    server = await serve(later)
    async with connected(server.address) as peer:
        numbers = range(1, 201, 2)
        peer.send(*[frame for number in numbers for frame in call_frames(peer.encoder, number, b"question")])
        await becomes(lambda: len(asyncio.all_tasks()) > len(numbers))
        takes = []
        connection = next(iter(server.peers))._connection
        take = type(connection).take
        monkeypatch.setattr(type(connection), "take", lambda self: takes.append(1) or take(self))
        ready.set()
        await peer.until(end_of(199))
    assert 0 < len(takes) < 10


async def test_who_is_gone_leaves_no_task_behind(serve: Serve) -> None:
    cancelled = []

    async def never(message: bytes) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(message)
        return message

    server = await serve(never)
    before = len(asyncio.all_tasks())
    async with connected(server.address) as peer:
        peer.send(*[frame for number in (1, 3, 5) for frame in call_frames(peer.encoder, number, b"%d" % number)])
        await becomes(lambda: len(asyncio.all_tasks()) == before + 3)
    await becomes(lambda: len(asyncio.all_tasks()) == before)
    assert sorted(cancelled) == [b"1", b"3", b"5"]
    assert server.buffered.octets == 0


async def test_connections_that_have_ended_need_no_garbage_collector(serve: Serve) -> None:
    async def later(message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message

    server = await serve(later)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            async with connected(server.address) as peer:
                peer.send(*call_frames(peer.encoder, 1, b"question"), *call_frames(peer.encoder, 3, b"unanswered"))
                await peer.until(end_of(1))
        await becomes(lambda: server.connections == 0)
        kept = Connection, Stream
        await becomes(lambda: not [it for it in gc.get_objects() if isinstance(it, kept)])
    finally:
        gc.enable()


async def test_a_call_that_is_cancelled_as_soon_as_it_is_made_warns_nobody(serve: Serve) -> None:
    """A coroutine that is never awaited would: warnings are errors here."""

    async def later(message: bytes) -> bytes:
        return message

    server = await serve(later)
    async with connected(server.address) as peer:
        ping = PingFrame(opaque_data=b"12345678")
        peer.send(*call_frames(peer.encoder, 1, b"question"), RstStreamFrame(1, error_code=8), ping)
        await peer.until(lambda frame: isinstance(frame, PingFrame))


@pytest.mark.parametrize("later", [False, True])
async def test_an_answer_that_raises_is_a_refusal(serve: Serve, later: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def raising_later(message: bytes) -> bytes:
        raise RuntimeError("broken")

    def raising(message: bytes) -> bytes:
        raise RuntimeError("broken")

    server = await serve(raising_later if later else raising, broken=lambda: b"refused")
    async with grpc.aio.insecure_channel(server.address) as channel:
        check = channel.unary_unary(CHECK)
        assert await asyncio.gather(check(b"a"), check(b"b")) == [b"refused"] * 2
    assert "RuntimeError: broken" in caplog.text


async def test_who_sends_much_is_not_heard_to_the_end_before_others_have_their_turn(serve: Serve) -> None:
    heard: Counter[int] = Counter()
    turn, loop = 0, asyncio.get_running_loop()

    def next_turn() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(next_turn)

    def answer(message: bytes) -> bytes:
        heard[turn] += len(message)
        return b""

    server = await serve(answer)
    async with connected(server.address) as peer:
        await becomes(lambda: server.connections == 1)
        numbers = range(1, 4_001, 2)
        octets = written(*[frame for number in numbers for frame in call_frames(peer.encoder, number, b"x" * 1_000)])
        next_turn()
        # Past the event loop, so that all is there when the server looks for the first time.
        sent = os.write(peer.writer.get_extra_info("socket").fileno(), octets)
        peer.send(octets[sent:])
        await peer.until(end_of(numbers[-1]))
    assert max(heard.values()) < 300_000
