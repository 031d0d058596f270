"""A document of a provider that is fetched now and then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """One value; whoever asks while it is being fetched waits for the same fetch, and shares its failure.

    Args:
        load: fetches it. What it raises is not kept for those who ask later.
        seconds: how long it is good for.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, load: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._clock = clock
        self._loading: asyncio.Task[T] | None = None
        self._kept: tuple[float, T] | None = None

    async def get(self, *, newer_than: T | None = None) -> T:
        """The value.

        Args:
            newer_than: a value that turned out to be too old; it is fetched again unless somebody did so already.
        """
        if self._kept is not None:
            until, value = self._kept
            if self._clock() < until and value is not newer_than:
                return value
        if self._loading is None:
            self._loading = asyncio.create_task(self._fetch())
            self._loading.add_done_callback(_seen)
        return await asyncio.shield(self._loading)  # one who leaves does not take it from the others

    async def _fetch(self) -> T:
        try:
            value = await self._load()
            self._kept = (self._clock() + self._seconds, value)
            return value
        finally:
            self._loading = None


def _seen(task: asyncio.Task[Any]) -> None:
    """What it raised is known, also when nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
