"""From the socket to an end in order."""

import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from eco2_sample.application import Application

log = logging.getLogger(__name__)

LINGER_SECONDS: Final = 2.0
"""How long clients with an open connection have to send one more request and be told that the connection closes."""
FINISH_SECONDS: Final = 90.0
"""How long requests in flight may take at the end; more than `application.LONGEST_DELAY`."""


@dataclass(frozen=True)
class Listening:
    """Where and when.

    Args:
        after: seconds without any socket first.
    """

    host: str
    port: int
    after: float = 0


async def serve(application: Application, listening: Listening) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if await _within(stop, listening.after):
        return
    runner = web.AppRunner(application.build(), access_log=None, shutdown_timeout=FINISH_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, listening.host, listening.port)
        await site.start()
        log.info("listening on %s", site.name)
        await stop.wait()
        log.info("ending: no new connections, requests in flight are finished")
        application.end()
        await site.stop()
        await _emptied(runner)
    finally:
        await runner.cleanup()
    log.info("ended")


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happens in that time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _emptied(runner: web.AppRunner) -> None:
    """Wait until no connection is open, but no longer than clients get."""
    assert runner.server is not None  # noqa: S101  it was set up
    deadline = asyncio.get_running_loop().time() + LINGER_SECONDS
    while runner.server.connections and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  no event tells
        await asyncio.sleep(0.02)
