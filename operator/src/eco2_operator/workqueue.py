"""The work queue: every key at most once at a time, the latest state always seen, failures retried with growing gaps.

Pure asyncio; clock and randomness come from outside. After client-go's workqueue: a key added while it is processed is
processed once more; a key added many times while it waits is processed once.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delay after the n-th failure in a row: ``base * 2^(n-1)``, at most ``cap``, times a jitter of 0.75 to 1.25."""

    base: float
    cap: float

    def delay(self, failures: int, jitter: float) -> float:
        """Seconds to wait; ``jitter`` is a random number in [0, 1)."""
        exponent = min(failures - 1, 32)
        return float(min(self.cap, self.base * 2**exponent) * (0.75 + jitter / 2))


@dataclass(frozen=True, slots=True)
class Retry:
    """What a handler asks for when it is not done."""

    after: float | None = None
    """Seconds to wait; None lets the back-off decide and counts as a failure."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    running: bool = False
    dirty: bool = False
    timer: asyncio.TimerHandle | None = None
    due: float = field(default=float("inf"))


class WorkQueue(Generic[K]):
    """Runs ``handler(key)`` for every added key.

    The handler returns None when the key is done, or a `Retry`. An exception counts as a failure and is logged.
    """

    def __init__(
        self,
        handler: Callable[[K], Awaitable[Retry | None]],
        *,
        concurrency: int,
        backoff: Backoff,
        clock: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._handler = handler
        self._concurrency = concurrency
        self._backoff = backoff
        self._clock = clock
        self._random = random
        self._ready: OrderedDict[K, float] = OrderedDict()
        self._states: dict[K, _State] = {}
        self._wakeup = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._began = float("inf")

    def add(self, key: K, *, after: float = 0.0) -> None:
        """Ask for the key to be processed, now or in so many seconds; the earlier time wins."""
        if self._stopping:
            return
        state = self._states.setdefault(key, _State())
        if after > 0:
            self._schedule(key, state, after)
        elif state.running:
            state.dirty = True
        else:
            self._cancel_timer(state)
            self._ready.setdefault(key, self._clock())
            self._wakeup.set()

    async def run(self) -> None:
        """Process keys until `stop`."""
        self._began = self._clock()
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._ready and len(self._tasks) < self._concurrency and not self._stopping:
                key, _ = self._ready.popitem(last=False)
                self._states[key].running = True
                task = asyncio.create_task(self._process(key), name=f"reconcile {key}")
                self._tasks.add(task)
                task.add_done_callback(self._finished)
            if self._stopping and not self._tasks:
                return

    async def stop(self, *, grace: float) -> None:
        """Start nothing new; let what runs finish within ``grace`` seconds, then cancel it."""
        self._stopping = True
        for state in self._states.values():
            self._cancel_timer(state)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
        self._wakeup.set()

    @property
    def depth(self) -> int:
        """Keys that wait to be processed now (those that wait for a retry not counted)."""
        return len(self._ready)

    @property
    def oldest(self) -> float:
        """Seconds the key that waits longest has been due; 0 with an empty queue, and before `run`."""
        since = max(self._began, next(iter(self._ready.values()), 0.0))
        return max(0.0, self._clock() - since) if self._ready else 0.0

    def failures(self, key: K) -> int:
        """Failures in a row of a key."""
        state = self._states.get(key)
        return state.failures if state is not None else 0

    async def _process(self, key: K) -> None:
        state = self._states[key]
        retry: Retry | None = Retry()
        try:
            retry = await self._handler(key)
        except asyncio.CancelledError:
            retry = None
            raise
        except Exception:
            log.exception("reconcile failed", extra={"key": str(key)})
        finally:
            state.running = False
            self._settle(key, state, retry)

    def _settle(self, key: K, state: _State, retry: Retry | None) -> None:
        failed = retry is not None and retry.after is None
        state.failures = state.failures + 1 if failed else 0
        if state.dirty:
            state.dirty = False
            self.add(key)
        elif retry is not None:
            delay = retry.after
            if delay is None:
                delay = self._backoff.delay(state.failures, self._random())
            self.add(key, after=max(delay, 0.001))
        elif state.timer is None:
            self._states.pop(key, None)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wakeup.set()

    def _schedule(self, key: K, state: _State, after: float) -> None:
        due = self._clock() + after
        if key in self._ready or state.due <= due:
            return
        self._cancel_timer(state)
        state.due = due
        state.timer = asyncio.get_running_loop().call_later(after, self._fire, key)

    def _fire(self, key: K) -> None:
        state = self._states[key]
        state.timer, state.due = None, float("inf")
        self.add(key)

    @staticmethod
    def _cancel_timer(state: _State) -> None:
        if state.timer is not None:
            state.timer.cancel()
        state.timer, state.due = None, float("inf")
