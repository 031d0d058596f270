"""Waiting for a condition: the only place that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.2


def until(
    probe: Callable[[], T | None],
    *,
    seconds: float,
    what: str,
    pause: float = LONGEST_PAUSE,
) -> T:
    """Call `probe` until it returns something true, and return that.

    `pause` is the longest time between two calls, in seconds; the first ones follow quickly.
    Raises TimeoutError, naming `what`, after `seconds`.
    """
    deadline = time.monotonic() + seconds
    wait = min(FIRST_PAUSE, pause)
    while True:
        if found := probe():
            return found
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(wait)
        wait = min(wait * 1.5, pause)
