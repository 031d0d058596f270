"""Waiting for a fact, and seeing that it stays one. Nothing else in the tests sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds a fact may take. Generous: a busy machine is slow, and a passing test does not wait."""
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2
NOT_YET = (AssertionError, LookupError, TypeError)
"""What a check may raise while the object, or a part of it, is not there yet."""


def eventually(check: Callable[[], T], *, within: float = PATIENCE) -> T:
    """Repeat `check` until it returns something true without raising, and return that.

    Raises AssertionError after `within` seconds, with what the last attempt said.
    """
    deadline = time.monotonic() + within
    pause = FIRST_PAUSE
    while True:
        cause: Exception | None = None
        try:
            if found := check():
                return found
        except NOT_YET as error:
            cause = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s: {cause!r}" if cause else f"not within {within:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def stays(check: Callable[[], object], *, for_: float = 1.0) -> None:
    """Repeat `check` for so many seconds; it has to return something true, or None, every time."""
    deadline = time.monotonic() + for_
    while True:
        found = check()
        assert found is None or found, f"it did not stay so: {found!r}"
        if time.monotonic() >= deadline:
            return
        time.sleep(LONGEST_PAUSE)
