"""How much time a run has left. It goes down the stages with the run: no call, pause or read may take longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from eco2_waste_pipeline.errors import TimedOut

_HELD: Final[ContextVar[Deadline | None]] = ContextVar("deadline", default=None)


class Deadline:
    """A moment.

    Args:
        seconds: from now until then.
        clock: seconds that only grow.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Seconds until then, never less than 0."""
        return max(0.0, self._end - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self._clock() >= self._end

    def check(self) -> None:
        """Raise TimedOut when it has passed."""
        if self.is_over:
            raise TimedOut

    def within(self, seconds: float) -> Deadline:
        """The earlier of this and `seconds` from now."""
        return Deadline(min(seconds, self.remaining()), clock=self._clock)

    @contextmanager
    def held(self) -> Iterator[None]:
        """In the block nothing that DeadlineTransport carries waits longer than until then."""
        token = _HELD.set(self)
        try:
            yield
        finally:
            _HELD.reset(token)


def held_deadline() -> Deadline | None:
    """That of the block we are in."""
    return _HELD.get()
