"""How much may be under way at once: questions of one user, and photos in memory."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from eco2_service.problems import TooManyRequests
from eco2_waste_pipeline.threads import Busy

AT_ONCE: Final = 4
"""Of one user in one process: all share the same threads, and nobody gets most of them."""
PHOTO_SECONDS: Final = 2.0
"""A photo waits so long for those before it."""


class Place:
    """What one question takes of the process, until neither its request nor its thread needs it any more.

    A thread cannot be stopped: when its reader leaves, it and what it holds stay until the model answers.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._users = 1  # the request
        self._taken = ExitStack()

    def gives_back(self, give_back: Callable[[], None]) -> None:
        """Call this at the end, in the event loop."""
        self._taken.callback(give_back)

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Around the work of the thread. Raises Busy when everything was given back before it began."""
        with self._lock:
            if not self._users:
                raise Busy
            self._users += 1
        try:
            yield
        finally:
            with suppress(RuntimeError):  # the loop is closed, and the process ends
                self._loop.call_soon_threadsafe(self.leave)

    def leave(self) -> None:
        """The request, or the thread, has ended."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
        self._taken.close()


class Places:
    """Counts what is under way."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, user_id: str) -> Iterator[Place]:
        """For one question. Raises TooManyRequests."""
        if self._taken[user_id] >= AT_ONCE:
            raise TooManyRequests("Wait for the answers to your other messages", retry_after=1)
        self._taken[user_id] += 1
        place = Place()
        place.gives_back(lambda: self._leave(user_id))
        try:
            yield place
        finally:
            place.leave()

    def _leave(self, user_id: str) -> None:
        self._taken[user_id] -= 1
        if not self._taken[user_id]:
            del self._taken[user_id]


class Photos:
    """Bounds the bytes of photos in memory.

    Args:
        at_once: photos that are read or looked at in one process.
    """

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    async def take(self, place: Place) -> None:
        """For the photo of one question, before it is read. Raises Busy."""
        try:
            async with asyncio.timeout(PHOTO_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise Busy from None
        place.gives_back(self._free.release)
