"""How long to wait before the next attempt."""

from collections.abc import Callable


class Backoff:
    """Pauses that double up to a bound, each shortened by chance so that many do not come back at once.

    Args:
        first: seconds before the second attempt; the first is made at once.
        cap: the longest pause, in seconds.
        random: a number from 0 to 1.
    """

    def __init__(self, *, first: float, cap: float, random: Callable[[], float]) -> None:
        self._first = first
        self._cap = cap
        self._random = random
        self._next = 0.0

    def reset(self) -> None:
        """It went well: the next attempt is made at once again."""
        self._next = 0.0

    def pause(self) -> float:
        """Seconds to wait now."""
        pause = self._next * (0.5 + 0.5 * self._random())
        self._next = min(self._cap, self._next * 2 or self._first)
        return pause
