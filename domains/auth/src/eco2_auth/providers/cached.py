"""A document of a provider that is fetched now and then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """One value; whoever asks while it is being fetched waits for the same fetch.

    Args:
        load: fetches it. What it raises is not kept.
        seconds: how long it is good for.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, load: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self, *, newer_than: T | None = None) -> T:
        """The value.

        Args:
            newer_than: a value that turned out to be too old; it is fetched again unless somebody did so already.
        """
        async with self._lock:
            if self._kept is not None:
                until, value = self._kept
                if self._clock() < until and value is not newer_than:
                    return value
            value = await self._load()
            self._kept = (self._clock() + self._seconds, value)
            return value
