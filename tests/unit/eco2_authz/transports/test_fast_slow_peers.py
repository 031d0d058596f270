"""The fast transport and peers that do not read."""

from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from support.aio import becomes
from support.authz.http2_frames import (
    DataFrame,
    SettingsFrame,
    WindowUpdateFrame,
    call_frames,
)
from support.authz.http2_streams import Peer, connected, end_of

from eco2_authz.transports.fast import FastServer

Serve = Callable[..., Awaitable[FastServer]]


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
    async with connected(server.address) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        await becomes(lambda: next(iter(server.peers)).unread > server.limits.unread)
        assert len(asked) == 20
        peer.send(*call_frames(peer.encoder, 41, b"large"))
        async with connected(server.address) as other:  # who is heard, and by whose answer the server has had the time
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
    async with connected(server.address) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        await becomes(lambda: server.connections == 1)
        await becomes(lambda: server.connections == 0)


@pytest.mark.usefixtures("quick")
async def test_who_reads_nothing_but_goes_on_asking_is_closed(serve: Serve) -> None:
    server = await serve(large, limits={"stalled": 0.1, "unread": 10**9})
    async with connected(server.address) as peer:
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
    async with connected(server.address) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        large_answers(peer, 20)
        peer.send(b"\xff" * 9)
        await becomes(lambda: server.connections == 1)
        await becomes(lambda: server.connections == 0)


@pytest.mark.usefixtures("quick")
async def test_of_all_that_leave_much_unread_those_who_leave_most_are_closed(serve: Serve) -> None:
    server = await serve(large, limits={"unread": 10**9, "buffered": 25_000_000})
    async with connected(server.address) as one, connected(server.address) as two, connected(server.address) as three:
        for peer, answers in ((one, 10), (two, 50), (three, 10)):
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
            large_answers(peer, answers)
        await becomes(lambda: server.connections == 3)
        await becomes(lambda: server.connections == 2)
        for peer in (one, three):
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert end_of(19)((await peer.until(end_of(19)))[-1])
