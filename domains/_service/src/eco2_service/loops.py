"""Work that a service does beside its requests, again and again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

import structlog

LONGEST_PAUSE: Final = 60.0
log = structlog.get_logger("eco2.loops")


class Loop:
    """Runs a piece of work whenever it is woken, and at intervals.

    Args:
        run_once: does one piece and says whether there may be more: if so it is called again at once. When it raises,
            it is called again after a pause that doubles up to a minute.
        interval: seconds between calls when nothing wakes it; a tenth more or less, so that replicas spread.
    """

    def __init__(self, name: str, run_once: Callable[[], Awaitable[bool]], *, interval: float) -> None:
        self._name = name
        self._run_once = run_once
        self._interval = interval
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to do now."""
        self._woken.set()

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, in the middle of a piece if need be: pieces are transactions."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            try:
                more = await self._run_once()
            except Exception as error:  # whatever it is, the next piece may succeed
                failures += 1
                log.warning("piece of work failed", loop=self._name, error=type(error).__name__, failures=failures)
                await self._pause(min(LONGEST_PAUSE, 2.0 ** min(failures, 10) / 4))
                continue
            failures = 0
            if not more:
                await self._pause(self._interval)

    async def _pause(self, seconds: float) -> None:
        spread = seconds * random.uniform(0.9, 1.1)  # noqa: S311 - spreads, and hides nothing
        try:
            async with asyncio.timeout(spread):
                await self._woken.wait()
        except TimeoutError:
            return
