"""Laws of the work queue, over random schedules in virtual time."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.eco2_operator.fakes import in_virtual_time

from eco2_operator.workqueue import Backoff, Retry, WorkQueue

EXAMPLES = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = st.sampled_from("abc")
TIMES = st.floats(0, 20, allow_nan=False).map(lambda value: round(value, 2))
STEPS = st.lists(st.tuples(KEYS, TIMES, st.one_of(st.just(0.0), TIMES)), max_size=25)
"""Who is added, how long after the step before, and with which delay."""
ANSWERS = st.lists(st.one_of(st.none(), st.just(Retry()), TIMES.map(Retry), st.just(ValueError("broken"))), max_size=12)


@dataclass
class Run:
    """One call of the handler."""

    key: str
    began: float
    ended: float = float("inf")


@dataclass
class Handler:
    """Takes some time, answers from a script, then says that all is well."""

    answers: list[Retry | ValueError | None]
    takes: float
    runs: list[Run] = field(default_factory=list)

    async def __call__(self, key: str) -> Retry | None:
        loop = asyncio.get_running_loop()
        run = Run(key, loop.time())
        self.runs.append(run)
        await asyncio.sleep(self.takes)
        run.ended = loop.time()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, ValueError):
            raise answer
        return answer


@EXAMPLES
@given(STEPS, ANSWERS, st.integers(1, 3), st.sampled_from([0.0, 0.5, 3.0]))
@in_virtual_time
async def test_every_request_is_followed_by_a_run_and_no_key_runs_twice_at_once(
    steps: list[tuple[str, float, float]], answers: list[Retry | ValueError | None], concurrency: int, takes: float
) -> None:
    loop = asyncio.get_running_loop()
    handler = Handler(list(answers), takes)
    queue: WorkQueue[str] = WorkQueue(
        handler, concurrency=concurrency, backoff=Backoff(0.5, 30), clock=loop.time, random=lambda: 0.5
    )
    working = asyncio.create_task(queue.run())
    asked: list[tuple[str, float]] = []
    for key, pause, delay in steps:
        await asyncio.sleep(pause)
        asked.append((key, loop.time()))
        queue.add(key, after=delay)
    await asyncio.sleep(10_000)
    assert queue.depth == 0
    assert queue._states == {}
    assert handler.answers == [] or len(handler.runs) < len(answers)

    for key, at in asked:
        assert any(run.key == key and run.began >= at for run in handler.runs), "a request was lost"
    for run in handler.runs:
        at_once = [other for other in handler.runs if other.began < run.ended and other.ended > run.began]
        assert sum(other.key == run.key for other in at_once) <= 1
        assert sum(other.began <= run.began for other in at_once) <= concurrency
    assert len(handler.runs) <= len(steps) + len(answers)
    if not steps:
        assert handler.runs == []

    await queue.stop(grace=1)
    await asyncio.wait_for(working, 1)


@EXAMPLES
@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0.01, 10), st.floats(10, 1000))
def test_a_backoff_grows_with_the_failures_and_stays_within_its_bounds(
    failures: int, jitter: float, base: float, cap: float
) -> None:
    backoff = Backoff(base, cap)
    delay = backoff.delay(failures, jitter)
    assert 0.75 * base <= delay <= 1.25 * cap
    assert backoff.delay(failures + 1, jitter) >= delay
