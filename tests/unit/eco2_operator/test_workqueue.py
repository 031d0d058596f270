"""The work queue, on a loop whose time jumps: what runs when, and how often."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.unit.eco2_operator.fakes import in_virtual_time

from eco2_operator.workqueue import Backoff, Retry, WorkQueue

MIDDLE = 0.5
"""The random number for which the jitter is exactly 1."""


@dataclass
class Handler:
    """Notes every call; answers from a script, then None."""

    takes: float = 0.0
    answers: list[Retry | Exception | None] = field(default_factory=list)
    calls: list[tuple[float, str]] = field(default_factory=list)
    running: int = 0
    most: int = 0

    async def __call__(self, key: str) -> Retry | None:
        self.calls.append((round(now(), 3), key))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.takes:
                await asyncio.sleep(self.takes)
        finally:
            self.running -= 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        return [key for _, key in self.calls]

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.calls]


def now() -> float:
    return asyncio.get_running_loop().time()


def queue_for(
    handler: Handler,
    *,
    concurrency: int = 4,
    random: Callable[[], float] = lambda: MIDDLE,
    base: float = 1.0,
    cap: float = 60.0,
) -> WorkQueue[str]:
    return WorkQueue(handler, concurrency=concurrency, backoff=Backoff(base, cap), clock=now, random=random)


@asynccontextmanager
async def working(queue: WorkQueue[str]) -> AsyncIterator[None]:
    """The queue works in the background; afterwards it has to stop by itself."""
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        await queue.stop(grace=1.0)
        await asyncio.wait_for(task, 5)


@in_virtual_time
async def test_keys_are_processed_in_the_order_in_which_they_were_added() -> None:
    handler = Handler()
    queue = queue_for(handler, concurrency=1)
    for key in ("b", "a", "c", "b"):
        queue.add(key)
    async with working(queue):
        await asyncio.sleep(1)
    assert handler.keys == ["b", "a", "c"]


@in_virtual_time
async def test_a_key_added_many_times_while_it_waits_is_processed_once() -> None:
    handler = Handler()
    queue = queue_for(handler)
    for _ in range(10):
        queue.add("a")
    assert queue.depth == 1
    async with working(queue):
        await asyncio.sleep(1)
    assert handler.keys == ["a"]


@in_virtual_time
async def test_a_key_added_while_it_runs_is_processed_once_more_afterwards() -> None:
    handler = Handler(takes=10)
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(3)
        for _ in range(5):
            queue.add("a")
        await asyncio.sleep(30)
    assert handler.calls == [(0, "a"), (10, "a")]
    assert handler.most == 1


@in_virtual_time
async def test_at_most_so_many_keys_run_at_the_same_time_and_all_get_their_turn() -> None:
    handler = Handler(takes=1)
    queue = queue_for(handler, concurrency=3)
    async with working(queue):
        for number in range(8):
            queue.add(str(number))
        await asyncio.sleep(0.5)
        assert queue.depth == 5
        await asyncio.sleep(10)
    assert handler.most == 3
    assert handler.times == [0, 0, 0, 1, 1, 1, 2, 2]


@in_virtual_time
async def test_failures_are_retried_with_growing_gaps_up_to_a_cap_and_success_resets_them() -> None:
    handler = Handler(answers=[Retry()] * 5 + [None, Retry()])
    queue = queue_for(handler, base=1, cap=4)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(20)
        assert handler.times == [0, 1, 3, 7, 11, 15]
        assert queue.failures("a") == 0
        queue.add("a")
        await asyncio.sleep(10)
    assert handler.times[6:] == [20, 21]


@in_virtual_time
async def test_an_exception_counts_as_a_failure_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    handler = Handler(answers=[ValueError("a fault in a builder"), ValueError("again")])
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(2)
        assert queue.failures("a") == 2
        await asyncio.sleep(10)
    assert handler.times == [0, 1, 3]
    assert [record.message for record in caplog.records] == ["reconcile failed"] * 2
    assert "a fault in a builder" in caplog.text


@in_virtual_time
async def test_a_failing_key_does_not_hold_up_the_others() -> None:
    handler = Handler(answers=[ValueError("broken"), None])
    queue = queue_for(handler, concurrency=1)
    async with working(queue):
        queue.add("broken")
        queue.add("well")
        await asyncio.sleep(0.5)
        assert handler.keys == ["broken", "well"]


@in_virtual_time
async def test_a_retry_after_a_given_time_is_no_failure() -> None:
    handler = Handler(answers=[Retry(), Retry(), Retry(5.0), Retry()])
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(20)
    # 1 s and 2 s of back-off, 5 s as asked for, then the back-off begins anew.
    assert handler.times == [0, 1, 3, 8, 9]


@in_virtual_time
async def test_an_event_during_a_backoff_is_processed_at_once_and_only_once() -> None:
    handler = Handler(answers=[Retry(30.0)])
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(5)
        queue.add("a")
        await asyncio.sleep(100)
    assert handler.times == [0, 5]


@in_virtual_time
async def test_of_two_delays_the_earlier_one_wins() -> None:
    handler = Handler()
    queue = queue_for(handler)
    async with working(queue):
        queue.add("late first", after=9)
        queue.add("late first", after=2)
        queue.add("early first", after=3)
        queue.add("early first", after=9)
        assert queue.depth == 0
        await asyncio.sleep(30)
    assert handler.calls == [(2, "late first"), (3, "early first")]


@in_virtual_time
async def test_a_delay_for_a_key_that_is_due_already_adds_nothing() -> None:
    handler = Handler()
    queue = queue_for(handler)
    queue.add("a")
    queue.add("a", after=3)
    async with working(queue):
        await asyncio.sleep(30)
    assert handler.times == [0]


@in_virtual_time
async def test_a_delay_asked_for_while_the_key_runs_is_kept_when_it_succeeds() -> None:
    handler = Handler(takes=1)
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(0.5)
        queue.add("a", after=7)
        await asyncio.sleep(30)
    assert handler.times == [0, 7.5]


@in_virtual_time
async def test_a_delay_that_ends_while_the_key_runs_leads_to_one_more_run() -> None:
    handler = Handler(takes=10)
    queue = queue_for(handler)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(1)
        queue.add("a", after=2)
        await asyncio.sleep(50)
    assert handler.times == [0, 10]


@in_virtual_time
async def test_a_change_during_a_failing_run_is_seen_at_once_not_after_the_backoff() -> None:
    handler = Handler(takes=1, answers=[Retry()])
    queue = queue_for(handler, base=60)
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(0.5)
        queue.add("a")
        await asyncio.sleep(10)
    assert handler.times == [0, 1]


@in_virtual_time
async def test_nothing_is_remembered_of_keys_that_are_done() -> None:
    handler = Handler()
    queue = queue_for(handler)
    async with working(queue):
        for number in range(100):
            queue.add(str(number))
        await asyncio.sleep(1)
        assert len(handler.calls) == 100
        assert queue._states == {}  # it would grow with every resource that ever was


@in_virtual_time
async def test_stopping_lets_what_runs_finish_and_starts_nothing_new() -> None:
    handler = Handler(takes=5)
    queue = queue_for(handler, concurrency=1)
    task = asyncio.create_task(queue.run())
    for key in ("runs", "waits"):
        queue.add(key)
    queue.add("later", after=1)
    await asyncio.sleep(0.5)
    await queue.stop(grace=20)
    assert now() == pytest.approx(5)
    queue.add("too late")
    await asyncio.wait_for(task, 1)
    await asyncio.sleep(60)
    assert handler.keys == ["runs"]
    assert handler.running == 0


@in_virtual_time
async def test_stopping_cancels_what_takes_longer_than_the_grace() -> None:
    handler = Handler(takes=1000)
    queue = queue_for(handler)
    task = asyncio.create_task(queue.run())
    queue.add("hangs")
    await asyncio.sleep(1)
    await queue.stop(grace=20)
    assert now() == pytest.approx(21)
    await asyncio.wait_for(task, 1)
    assert handler.running == 0


@in_virtual_time
async def test_stopping_an_idle_queue_takes_no_time() -> None:
    queue = queue_for(Handler())
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    await queue.stop(grace=20)
    await asyncio.wait_for(task, 1)
    assert now() == 0


@in_virtual_time
async def test_depth_and_age_tell_what_is_due_and_since_when() -> None:
    queue = queue_for(Handler(takes=20), concurrency=1)
    assert (queue.depth, queue.oldest) == (0, 0.0)
    async with working(queue):
        queue.add("taken up")
        await asyncio.sleep(0)
        queue.add("first")
        await asyncio.sleep(7)
        queue.add("second")
        queue.add("first")
        queue.add("in an hour", after=3600)
        await asyncio.sleep(3)
        assert queue.depth == 2
        assert queue.oldest == pytest.approx(10)


@in_virtual_time
async def test_nothing_is_late_before_the_work_has_begun() -> None:
    queue = queue_for(Handler(takes=20), concurrency=1)
    queue.add("first")
    queue.add("second")
    await asyncio.sleep(3600)  # the API server is waited for
    assert (queue.depth, queue.oldest) == (2, 0.0)
    async with working(queue):
        await asyncio.sleep(3)
        assert queue.depth == 1
        assert queue.oldest == pytest.approx(3)


def test_the_backoff_doubles_and_never_goes_far_beyond_the_cap() -> None:
    backoff = Backoff(0.5, 60)
    assert [backoff.delay(n, MIDDLE) for n in (1, 2, 3, 8, 9, 10_000)] == [0.5, 1, 2, 60, 60, 60]
    assert backoff.delay(1, 0.0) == pytest.approx(0.375)
    assert backoff.delay(1, 0.9999) == pytest.approx(0.625, abs=1e-3)


@in_virtual_time
async def test_the_jitter_comes_from_the_given_random_numbers() -> None:
    numbers = iter([0.0, 0.9999])
    handler = Handler(answers=[Retry(), Retry()])
    queue = queue_for(handler, base=4, random=lambda: next(numbers))
    async with working(queue):
        queue.add("a")
        await asyncio.sleep(30)
    assert handler.times == [0, 3, pytest.approx(13, abs=0.01)]
