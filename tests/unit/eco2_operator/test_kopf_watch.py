"""What kopf leaves behind at its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from kopf._cogs.clients import watching

from eco2_operator.kopf_watch import KOPFS_WATCH, report


async def infinite_watch() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        raise RuntimeError("generator didn't stop after athrow()")


async def another() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        raise RuntimeError("a fault of ours")


def leave(generator: Callable[[], AsyncIterator[int]], caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged when a generator is left to the end of the loop."""
    kept = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(report)
        kept.append(generator())
        await anext(kept[0])

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    return [record.getMessage() for record in caplog.records]


def test_its_watch_ends_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert watching.infinite_watch.__name__ == KOPFS_WATCH
    assert leave(infinite_watch, caplog) == []


def test_every_other_fault_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    (told,) = leave(another, caplog)
    assert "an error occurred during closing of asynchronous generator" in told
