"""Waiting for a fact within an event loop."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from support.waits import NOT_YET, PATIENCE

T = TypeVar("T")

PAUSE = 0.002
"""Short: what is waited for happens in the same loop."""


async def becomes(check: Callable[[], T], *, within: float = PATIENCE) -> T:
    """Repeat `check` until it returns something true without raising, and return that.

    Raises AssertionError after `within` seconds.
    """
    deadline = time.monotonic() + within
    while True:
        cause: Exception | None = None
        try:
            if found := check():
                return found
        except NOT_YET as error:
            cause = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {within:g} s: {cause!r}" if cause else f"not within {within:g} s")
        await asyncio.sleep(PAUSE)
