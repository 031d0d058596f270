"""The fast transport comes to its end, and its callers go elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from support.aio import becomes
from support.authz.http2_frames import (
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    call_frames,
    request_headers,
)
from support.authz.http2_streams import connected, goaways

from eco2_authz.transports.fast import FastServer

Serve = Callable[..., Awaitable[FastServer]]


async def test_draining_answers_what_was_begun_and_says_which_calls_were(serve: Serve) -> None:
    release = asyncio.Event()

    async def later(message: bytes) -> bytes:
        await release.wait()
        return message

    server = await serve(later)
    async with connected(server.address) as peer:
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
        async with connected(server.address):
            pass


async def test_the_last_answer_arrives_although_the_peer_goes_on_sending(serve: Serve) -> None:
    """Had the server closed its socket with octets unread, the peer's system might have thrown the answer away."""
    server = await serve()
    async with connected(server.address) as peer:
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
    async with connected(server.address) as peer:
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
    async with connected(server.address) as peer:
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
