"""Work that waits for S3, off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Threads:
    """Runs functions in threads, so many at once; others wait for their turn."""

    def __init__(self, count: int) -> None:
        self._limiter = CapacityLimiter(count)

    async def run(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What the function returns or raises. Who stops waiting is kept until it has ended."""
        return await to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self._limiter)
