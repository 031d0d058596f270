"""Several processes in one test: each with its own event loop and its own monotonic clock; any may be frozen.

Time is simulated. A frozen process runs nothing, but its clock goes on, as CLOCK_MONOTONIC does under SIGSTOP; what
comes in for it meanwhile is seen when it thaws, in the order in which it came.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any


class _Idle(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Ends the loop's run when nothing is left to do before its next timer, and notes when that is."""

    loop: "Loop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 0:
            self.loop.next = None if timeout is None else self.loop.time() + timeout
            self.loop.stop()
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop that runs only as far as there is something to do now."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._idle = _Idle()
        self._idle.loop = self
        self.clock = clock
        self.next: float | None = None
        super().__init__(self._idle)

    def time(self) -> float:
        return self.clock()


class Process:
    """One process: a main coroutine on a loop of its own.

    Args:
        offset: what its monotonic clock shows when the world begins.
        rate: how fast its clock goes; 1 is right.
    """

    def __init__(self, world: "World", *, offset: float = 0.0, rate: float = 1.0) -> None:
        self._world = world
        self._offset, self._rate = offset, rate
        self.loop = Loop(self.clock)
        self.frozen = False
        self.task: asyncio.Task[Any] | None = None

    def clock(self) -> float:
        """Its monotonic seconds."""
        return self._offset + self._world.now * self._rate

    @property
    def due(self) -> float:
        """When, in the world's time, it has something to do next."""
        if self.frozen or self.loop.is_closed() or self.loop.next is None:
            return float("inf")
        return (self.loop.next - self._offset) / self._rate

    def start(self, main: Coroutine[Any, Any, Any]) -> None:
        """Begin to run."""
        self.task = self.loop.create_task(main)

    def turn(self) -> None:
        """Do everything that can be done now."""
        if not self.frozen and not self.loop.is_closed():
            self.loop.run_forever()

    def kill(self) -> None:
        """End it in the middle of whatever it does: nothing of it runs any more."""
        if self.task is not None:
            self.task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.loop.close()


class World:
    """The time, and what happens in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.processes: list[Process] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def process(self, *, offset: float = 0.0, rate: float = 1.0) -> Process:
        """A new process."""
        made = Process(self, offset=offset, rate=rate)
        self.processes.append(made)
        return made

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Something happens, whoever is frozen."""
        heapq.heappush(self._events, (when, next(self._number), do))

    def run(self, until: float, *, check: Callable[[], None] = lambda: None) -> None:
        """Let time pass; `check` at every moment at which anything happens."""
        while True:
            for process in self.processes:
                process.turn()
            check()
            event = self._events[0][0] if self._events else float("inf")
            due = min(event, *(process.due for process in self.processes))
            if due > until:
                break
            self.now = max(self.now, due) if due > self.now else self.now + 1e-6
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
        self.now = until
        check()

    def close(self) -> None:
        """End every process."""
        for process in self.processes:
            if not process.loop.is_closed():
                process.kill()
