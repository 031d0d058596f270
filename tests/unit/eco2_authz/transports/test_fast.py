"""The fast transport on real sockets, in this process."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from hpack import Encoder
from support.aio import becomes
from support.authz.http2_frames import (
    PREFACE,
    DataFrame,
    Frame,
    FrameReader,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
    call_frames,
    request_headers,
    written,
)

from eco2_authz.http2.connection import Connection
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.limits import Limits
from eco2_authz.http2.stream import Stream
from eco2_authz.transports import fast
from eco2_authz.transports.fast import FastServer
from eco2_authz.transports.server import CHECK, CHECK_SERVICE, Answer, Options

Serve = Callable[..., Awaitable[FastServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server, which ends with the test."""
    servers: list[FastServer] = []

    async def start(answer: Answer = bytes, *, address: str = "127.0.0.1:0", **options: Any) -> FastServer:
        limits = Limits(**options.pop("limits", {}))
        server = await fast.serve(answer, Options(address=address, too_large=b"too large", limits=limits, **options))
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.drain(0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes fifty times as fast."""
    for name in ("_TICK", "_NOTICE", "_LINGER"):
        monkeypatch.setattr(fast, name, getattr(fast, name) / 50)


class Peer:
    """A connection, frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.encoder = Encoder()
        self.found: list[Any] = []
        self._reader = reader
        self._frames = FrameReader()

    def send(self, *parts: Frame | bytes) -> None:
        self.writer.write(written(*parts))

    async def until(self, enough: Callable[[Any], object]) -> list[Any]:
        """Read until one frame is enough, or the connection ends; all so far."""
        while not any(enough(frame) for frame in self.found):
            if not await self._more():
                break
        return self.found

    async def ended(self) -> list[Any]:
        """Read until the server closes."""
        while await self._more():
            pass
        return self.found

    async def _more(self) -> bool:
        try:
            octets = await self._reader.read(65_536)
        except ConnectionResetError:
            return False
        self.found += self._frames.read(octets)
        return bool(octets)


@asynccontextmanager
async def connected(server: FastServer) -> AsyncIterator[Peer]:
    host, _, port = server.address.rpartition(":")
    if host == "unix":
        reader, writer = await asyncio.open_unix_connection(port)
    else:
        reader, writer = await asyncio.open_connection(host, int(port))
    peer = Peer(reader, writer)
    peer.send(PREFACE, SettingsFrame())
    try:
        yield peer
    finally:
        writer.transport.abort()


def end_of(number: int) -> Callable[[Any], bool]:
    return lambda frame: frame.stream_id == number and "END_STREAM" in frame.flags


def goaways(found: list[Any]) -> list[tuple[int, int]]:
    return [(frame.last_stream_id, frame.error_code) for frame in found if isinstance(frame, GoAwayFrame)]


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
    async with connected(server), connected(server):
        await becomes(lambda: server.connections == 2)
    await becomes(lambda: server.connections == 0)


async def test_too_many_connections(serve: Serve) -> None:
    faults: list[ErrorCode] = []
    server = await serve(limits={"connections": 1}, on_fault=faults.append)
    async with connected(server) as first:
        await becomes(lambda: server.connections == 1)
        async with connected(server) as second:
            assert goaways(await second.ended()) in ([], [(0, ErrorCode.ENHANCE_YOUR_CALM)])
        first.send(*call_frames(first.encoder, 1, b"question"))
        await first.until(end_of(1))
    assert faults == [ErrorCode.ENHANCE_YOUR_CALM]


async def test_faults_are_told(serve: Serve) -> None:
    faults: list[ErrorCode] = []
    server = await serve(on_fault=faults.append)
    async with connected(server) as peer:
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
    async with connected(server) as peer:
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
    async with connected(server) as peer:
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
            async with connected(server) as peer:
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
    async with connected(server) as peer:
        ping = PingFrame(opaque_data=b"12345678")
        peer.send(*call_frames(peer.encoder, 1, b"question"), RstStreamFrame(1, error_code=8), ping)
        await peer.until(lambda frame: isinstance(frame, PingFrame))


@pytest.mark.parametrize("later", [False, True])
async def test_an_answer_that_raises_is_a_refusal(serve: Serve, later: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def raising_later(message: bytes) -> bytes:
        raise RuntimeError("broken")

    def raising(message: bytes) -> bytes:
        raise RuntimeError("broken")

    server = await serve(raising_later if later else raising, broken=b"refused")
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
    async with connected(server) as peer:
        await becomes(lambda: server.connections == 1)
        numbers = range(1, 4_001, 2)
        octets = written(*[frame for number in numbers for frame in call_frames(peer.encoder, number, b"x" * 1_000)])
        next_turn()
        # Past the event loop, so that all is there when the server looks for the first time.
        sent = os.write(peer.writer.get_extra_info("socket").fileno(), octets)
        peer.send(octets[sent:])
        await peer.until(end_of(numbers[-1]))
    assert max(heard.values()) < 300_000


# -- peers that do not read ------------------------------------------------------------------------------------------


def large_answers(peer: Peer, answers: int) -> None:
    """Ask for so many answers of a megabyte, and let all of them through."""
    peer.send(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1}), WindowUpdateFrame(0, 2**30))
    for number in range(1, 2 * answers, 2):
        peer.send(*call_frames(peer.encoder, number, b"large"))


def large(message: bytes) -> bytes:
    return bytes(1_000_000) if message == b"large" else bytes(1_000)


async def test_who_does_not_read_is_not_heard_until_it_does(serve: Serve) -> None:
    asked: list[bytes] = []

    def answer(message: bytes) -> bytes:
        asked.append(message)
        return large(message)

    server = await serve(answer)
    async with connected(server) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        await becomes(lambda: next(iter(server.peers)).unread > server.limits.unread)
        assert len(asked) == 20
        peer.send(*call_frames(peer.encoder, 41, b"large"))
        async with connected(server) as other:  # who is heard, and by whose answer the server has had the time
            other.send(*call_frames(other.encoder, 1, b"large"), *call_frames(other.encoder, 3, b"large"))
            await becomes(lambda: len(asked) == 22)
        assert len(asked) == 22
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        found = await peer.until(end_of(41))
    assert sum(len(frame.data) for frame in found if isinstance(frame, DataFrame)) == 21 * 1_000_005


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("unread", [1_000, 10**9], ids=["above its bound", "below its bound"])
async def test_who_reads_nothing_for_too_long_is_closed(serve: Serve, unread: int) -> None:
    server = await serve(large, limits={"stalled": 0.1, "unread": unread})
    async with connected(server) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        await becomes(lambda: server.connections == 1)
        await becomes(lambda: server.connections == 0)


@pytest.mark.usefixtures("quick")
async def test_who_reads_nothing_but_goes_on_asking_is_closed(serve: Serve) -> None:
    server = await serve(large, limits={"stalled": 0.1, "unread": 10**9})
    async with connected(server) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        await becomes(lambda: server.connections == 1)
        numbers = count(41, 2)

        def asked_again_and_closed() -> bool:
            peer.send(*call_frames(peer.encoder, next(numbers), b"small"))
            return server.connections == 0

        await becomes(asked_again_and_closed)


@pytest.mark.usefixtures("quick")
async def test_who_is_at_fault_and_does_not_read_is_closed_too(serve: Serve) -> None:
    server = await serve(large, limits={"stalled": 0.1, "unread": 10**9})
    async with connected(server) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        peer.send(b"\xff" * 9)
        await becomes(lambda: server.connections == 1)
        await becomes(lambda: server.connections == 0)


@pytest.mark.usefixtures("quick")
async def test_of_all_that_leave_much_unread_those_who_leave_most_are_closed(serve: Serve) -> None:
    server = await serve(large, limits={"unread": 10**9, "buffered": 25_000_000})
    async with connected(server) as one, connected(server) as two, connected(server) as three:
        for peer, answers in ((one, 10), (two, 50), (three, 10)):
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            large_answers(peer, answers)
        await becomes(lambda: server.connections == 3)
        await becomes(lambda: server.connections == 2)
        for peer in (one, three):
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert end_of(19)((await peer.until(end_of(19)))[-1])


# -- the end ---------------------------------------------------------------------------------------------------------


async def test_draining_answers_what_was_begun_and_says_which_calls_were(serve: Serve) -> None:
    release = asyncio.Event()

    async def later(message: bytes) -> bytes:
        await release.wait()
        return message

    server = await serve(later)
    async with connected(server) as peer:
        peer.send(*call_frames(peer.encoder, 1, b"before"))
        await becomes(lambda: len(server.peers) == 1 and server.buffered.octets)
        draining = asyncio.create_task(server.drain(10))
        await peer.until(lambda frame: isinstance(frame, GoAwayFrame))
        peer.send(*call_frames(peer.encoder, 3, b"between"))
        await peer.until(lambda frame: isinstance(frame, GoAwayFrame) and frame.last_stream_id < 2**31 - 1)
        peer.send(*call_frames(peer.encoder, 5, b"after"))
        release.set()
        found = await peer.ended()
        peer.writer.close()
        await draining
    assert goaways(found) == [(2**31 - 1, 0), (3, 0)]
    assert {frame.data[5:] for frame in found if isinstance(frame, DataFrame)} == {b"before", b"between"}
    assert server.connections == 0
    with pytest.raises(OSError):  # noqa: PT011 - refused
        async with connected(server):
            pass


async def test_the_last_answer_arrives_although_the_peer_goes_on_sending(serve: Serve) -> None:
    """Had the server closed its socket with octets unread, the peer's system might have thrown the answer away."""
    server = await serve()
    async with connected(server) as peer:
        draining = asyncio.create_task(server.drain(10))
        await peer.until(lambda frame: isinstance(frame, GoAwayFrame))
        peer.send(*call_frames(peer.encoder, 1, b"question"))
        await peer.until(lambda frame: isinstance(frame, GoAwayFrame) and frame.last_stream_id == 1)
        for number in range(3, 203, 2):
            peer.send(*call_frames(peer.encoder, number, b"x" * 1_000))
            await peer.writer.drain()
        found = await peer.ended()
        peer.writer.close()
        await draining
    assert [frame.data[5:] for frame in found if isinstance(frame, DataFrame)] == [b"question"]


@pytest.mark.usefixtures("quick")
async def test_who_does_not_close_is_closed(serve: Serve) -> None:
    server = await serve()
    async with connected(server) as peer:
        await becomes(lambda: server.connections == 1)
        async with asyncio.timeout(5):
            await server.drain(60)
        assert server.connections == 0
        assert [last for last, _ in goaways(await peer.ended())] == [2**31 - 1, 0]


async def test_a_drain_has_its_time(serve: Serve) -> None:
    async def never(message: bytes) -> bytes:
        await asyncio.Event().wait()
        return message

    server = await serve(never)
    async with connected(server) as peer:
        peer.send(HeadersFrame(1, peer.encoder.encode(request_headers()), flags=["END_HEADERS"]))
        peer.send(*call_frames(peer.encoder, 3, b"question"))
        await becomes(lambda: len(server.peers) == 1 and server.buffered.octets > 2_048)
        async with asyncio.timeout(5):
            await server.drain(0.2)
        await becomes(lambda: server.connections == 0)
    assert server.buffered.octets == 0


async def test_a_server_that_was_not_asked_anything_ends_at_once(serve: Serve) -> None:
    server = await serve()
    async with asyncio.timeout(5):
        await server.drain(60)
        await server.drain(60)
