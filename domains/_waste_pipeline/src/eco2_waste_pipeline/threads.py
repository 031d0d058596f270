"""The way from asyncio to blocking work: threads, a bounded number of them, with a bounded number waiting."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
AHEAD: Final = 16
"""Pieces of a stream that may wait for whoever reads it."""


class Busy(Exception):
    """Every thread works and as much as may wait does; or no more work is taken, at the end of the process."""


class Threads:
    """Runs blocking work beside an event loop. The context (contextvars) of the caller goes with it.

    A thread cannot be stopped from outside. Whoever is cancelled goes on at once; work that had not begun is dropped,
    work that had keeps its place until it ends by its own time limit.

    Args:
        workers: threads at most.
        waiting: pieces of work that may wait for one.
    """

    def __init__(self, workers: int = 32, waiting: int = 64) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="pipeline")
        self._places = threading.BoundedSemaphore(workers + waiting)
        self._streams: set[_Stop] = set()
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns, or raises.

        Raises:
            Busy: at once, when too many wait; or later, when it waits and the threads are closed.
        """
        context = contextvars.copy_context()
        future = self._submit(lambda: context.run(function, *args, **kwargs))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if self._closed and not _is_cancelled():
                raise Busy from None
            raise

    async def stream(
        self, function: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
        """What the function's iterator gives, piece by piece; the thread is `AHEAD` pieces ahead at most.

        When the reader stops (`aclose`, cancellation), the iterator is closed by its thread as soon as that is back
        from what it waits for.

        Raises:
            Busy: with the first piece, when too many wait.
        """
        context = contextvars.copy_context()
        stop = _Stop()
        bridge: _Bridge[T] = _Bridge(asyncio.get_running_loop(), stop)
        self._streams.add(stop)
        try:
            future = self._submit(lambda: context.run(bridge.pump, lambda: function(*args, **kwargs)))
            future.add_done_callback(bridge.dropped)
            try:
                while not isinstance(piece := await bridge.get(), _End):
                    yield piece
            finally:
                stop.set()
                future.cancel()
            if piece.error is not None:
                raise piece.error
        finally:
            self._streams.discard(stop)

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if self._closed or not self._places.acquire(blocking=False):
            raise Busy
        future = self._executor.submit(work)
        future.add_done_callback(lambda _future: self._places.release())
        return future

    def close(self) -> None:
        """Take no more work, drop what waits and end all streams. It does not wait for what runs."""
        self._closed = True
        for stop in tuple(self._streams):
            stop.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        """Nothing is started before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Stop:
    """Tells a thread that nobody reads any more, wherever it waits for its reader."""

    def __init__(self) -> None:
        self.room = threading.Semaphore(AHEAD)
        self.is_set = False

    def set(self) -> None:
        self.is_set = True
        self.room.release()


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class _Bridge(Generic[T]):
    """Carries pieces from a thread to an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stop: _Stop) -> None:
        self._loop = loop
        self._stop = stop
        self._pieces: asyncio.Queue[T | _End] = asyncio.Queue()

    async def get(self) -> T | _End:
        piece = await self._pieces.get()
        self._stop.room.release()
        return piece

    def pump(self, begin: Callable[[], Iterable[T]]) -> None:
        """In the thread: all pieces, then how it ended."""
        error: BaseException | None = None
        try:
            iterator = iter(begin())
            try:
                for piece in iterator:
                    self._stop.room.acquire()
                    if self._stop.is_set or not self._put(piece):
                        break
            finally:
                if isinstance(iterator, Generator):
                    iterator.close()
        except BaseException as raised:
            error = raised
        self._put(_End(error))

    def dropped(self, future: Future[None]) -> None:
        """The thread did not begin, and will not."""
        if future.cancelled():
            self._put(_End(Busy()))

    def _put(self, piece: T | _End) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the loop is closed
            return False
        return True
