"""Work beside the requests."""

import asyncio

import pytest
import structlog

from eco2_service import loops
from eco2_service.loops import Loop


async def test_work_is_done_again_while_there_is_more_and_when_woken() -> None:
    left = [3]
    done: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> bool:
        await done.put(left[0])
        left[0] -= 1
        return left[0] > 0

    async with Loop("test", work, interval=3600) as loop:
        assert [await asyncio.wait_for(done.get(), 5) for _ in range(3)] == [3, 2, 1]
        left[0] = 1
        loop.wake()
        assert await asyncio.wait_for(done.get(), 5) == 1


async def test_work_is_done_at_intervals() -> None:
    done: asyncio.Queue[None] = asyncio.Queue()

    async def work() -> bool:
        await done.put(None)
        return False

    async with Loop("test", work, interval=0.01):
        for _ in range(3):
            await asyncio.wait_for(done.get(), 5)


async def test_a_failure_is_logged_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LONGEST_PAUSE", 0.01)
    done: asyncio.Queue[None] = asyncio.Queue()
    failures = iter([True, True, False])

    async def work() -> bool:
        await done.put(None)
        if next(failures, False):
            raise ValueError("hunter2")
        return False

    with structlog.testing.capture_logs() as lines:
        async with Loop("test", work, interval=3600):
            for _ in range(3):
                await asyncio.wait_for(done.get(), 5)
    assert [(line["loop"], line["error"], line["failures"]) for line in lines] == [
        ("test", "ValueError", 1),
        ("test", "ValueError", 2),
    ]
    assert "hunter2" not in str(lines)


async def test_it_ends_in_the_middle_of_a_piece() -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def work() -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return False

    async with Loop("test", work, interval=1):
        await asyncio.wait_for(begun.wait(), 5)
    assert ended.is_set()
