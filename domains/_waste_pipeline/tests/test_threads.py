"""The way from asyncio to blocking work."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from support.aio import becomes

from eco2_waste_pipeline.threads import AHEAD, Busy, Threads

request_id = contextvars.ContextVar("request_id", default="none")


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    async with Threads(workers=2, waiting=1) as threads:
        yield threads


async def test_work_happens_elsewhere_in_the_same_context(threads: Threads) -> None:
    def work(one: int, *, two: int) -> tuple[int, str, int]:
        return one + two, request_id.get(), threading.get_ident()

    request_id.set("r-1")
    total, seen, thread = await threads.run(work, 1, two=2)
    assert (total, seen) == (3, "r-1")
    assert thread != threading.get_ident()


async def test_what_it_raises_is_raised(threads: Threads) -> None:
    def work() -> None:
        raise LookupError("it")

    with pytest.raises(LookupError, match="it"):
        await threads.run(work)


async def test_too_much_is_refused_until_there_is_room_again(threads: Threads) -> None:
    release = threading.Event()
    tasks = [asyncio.create_task(threads.run(release.wait)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await threads.run(release.wait)
    with pytest.raises(Busy):
        await anext(threads.stream(lambda: iter(())))
    release.set()
    assert all(await asyncio.gather(*tasks))

    async def works() -> bool:
        try:
            return await threads.run(lambda: True)
        except Busy:
            return False

    assert await works()


async def test_whoever_is_cancelled_goes_on_and_the_place_is_kept(threads: Threads) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        release.wait()

    running = [asyncio.create_task(threads.run(work)) for _ in range(2)]
    waits = asyncio.create_task(threads.run(work))
    await becomes(lambda: begun.acquire(blocking=False) and begun.acquire(blocking=False))
    for task in (*running, waits):
        task.cancel()
    ends = await asyncio.gather(*running, waits, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    again = asyncio.create_task(threads.run(work))  # in the place of the one that had not begun
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await threads.run(work)
    release.set()
    await again
    assert begun.acquire(blocking=False)
    assert not begun.acquire(blocking=False)  # what was dropped never ran


async def test_a_stream_is_read_piece_by_piece(threads: Threads) -> None:
    def pieces(count: int) -> Iterator[tuple[int, str]]:
        for number in range(count):
            yield number, request_id.get()

    request_id.set("r-2")
    assert [piece async for piece in threads.stream(pieces, 100)] == [(number, "r-2") for number in range(100)]


async def test_what_a_stream_raises_comes_after_its_pieces(threads: Threads) -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise LookupError("it")

    stream = threads.stream(pieces)
    assert await anext(stream) == 1
    with pytest.raises(LookupError, match="it"):
        await anext(stream)


async def test_what_is_no_generator_can_be_streamed(threads: Threads) -> None:
    assert [piece async for piece in threads.stream(lambda: [1, 2])] == [1, 2]


class Endless:
    """Pieces without end, and what became of them."""

    def __init__(self) -> None:
        self.made = 0
        self.closed_by: int | None = None
        self.made_by: int | None = None

    def pieces(self) -> Iterator[int]:
        self.made_by = threading.get_ident()
        try:
            while True:
                self.made += 1
                yield self.made
        finally:
            self.closed_by = threading.get_ident()


async def test_the_thread_does_not_run_far_ahead(threads: Threads) -> None:
    endless = Endless()
    stream = threads.stream(endless.pieces)
    assert await anext(stream) == 1
    await becomes(lambda: endless.made == AHEAD + 2)
    assert await threads.run(lambda: True)
    assert endless.made == AHEAD + 2
    await stream.aclose()


async def test_a_stream_that_is_left_is_closed_by_its_own_thread(threads: Threads) -> None:
    endless = Endless()
    stream = threads.stream(endless.pieces)
    async for _ in stream:
        break
    await stream.aclose()
    await becomes(lambda: endless.closed_by is not None)
    assert endless.closed_by == endless.made_by != threading.get_ident()


async def test_a_cancelled_reader_closes_its_stream(threads: Threads) -> None:
    endless, reading = Endless(), asyncio.Event()

    async def read() -> None:
        async for _ in threads.stream(endless.pieces):
            reading.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await becomes(lambda: endless.closed_by is not None)


async def test_a_reader_cancelled_while_it_waits_for_a_piece(threads: Threads) -> None:
    release, closed = threading.Event(), threading.Event()

    def pieces() -> Iterator[int]:
        try:
            release.wait()
            yield 1
        finally:
            closed.set()

    async def read() -> None:
        async for _ in threads.stream(pieces):
            raise AssertionError("nothing comes")

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await becomes(closed.is_set)


async def test_a_stream_that_waits_for_a_thread_can_be_left(threads: Threads) -> None:
    release = threading.Event()
    running = [asyncio.create_task(threads.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    endless = Endless()
    reading = asyncio.create_task(anext(threads.stream(endless.pieces)))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    release.set()
    await asyncio.gather(*running)
    await threads.run(lambda: True)
    assert endless.made == 0


async def test_closing_ends_what_waits_and_streams(threads: Threads) -> None:
    release = threading.Event()
    endless = Endless()
    stream = threads.stream(endless.pieces)
    assert await anext(stream) == 1
    await becomes(lambda: endless.made == AHEAD + 2)  # as far ahead as it may be
    running = asyncio.create_task(threads.run(release.wait))
    waiting = asyncio.create_task(threads.run(release.wait))
    await asyncio.sleep(0)
    threads.close()
    with pytest.raises(Busy):
        await waiting
    with pytest.raises(Busy):
        await threads.run(lambda: True)
    await becomes(lambda: endless.closed_by is not None)
    assert [piece async for piece in stream] == list(range(2, AHEAD + 2))
    release.set()
    assert await running


async def test_closing_ends_a_stream_that_had_not_begun() -> None:
    release = threading.Event()
    threads = Threads(workers=1, waiting=2)
    running = asyncio.create_task(threads.run(release.wait))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(anext(threads.stream(Endless().pieces)))
    await asyncio.sleep(0)
    threads.close()
    with pytest.raises(Busy):
        await waiting
    release.set()
    assert await running


def test_a_loop_that_is_gone_ends_the_thread() -> None:
    endless, threads = Endless(), Threads(workers=1)
    release, begun = threading.Event(), threading.Event()

    def pieces() -> Iterator[int]:
        begun.set()
        release.wait()
        yield from endless.pieces()

    async def leave() -> None:
        task = asyncio.create_task(anext(threads.stream(pieces)))
        await becomes(begun.is_set)
        task.cancel()

    asyncio.run(leave())
    release.set()
    threads.close()
    threads._executor.shutdown(wait=True)
    assert endless.closed_by is not None
