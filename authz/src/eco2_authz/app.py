"""The server as a process: alone, or with several workers; until it is told to end."""

import asyncio
import logging
import signal
from typing import Final

import uvloop

from eco2_authz import admin, logs
from eco2_authz.metrics.memory import Memory
from eco2_authz.settings import Settings
from eco2_authz.worker import Worker
from eco2_authz.workers.supervisor import Supervisor

log = logging.getLogger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT. Raises OSError when an address cannot be had."""
    logs.configure(level=settings.authz_log_level)
    uvloop.run(_alone(settings) if settings.authz_workers == 1 else _several(settings))
    log.info("stopped")


async def _alone(settings: Settings) -> None:
    stop = told_to_stop()
    memory = Memory(1)
    worker = Worker(settings, memory.of(0))
    runner = await admin.serve(settings.authz_http_addr, memory=memory, faults=worker.faults, refresh=worker.refresh)
    try:
        await worker.start()
        await stop.wait()
    finally:
        await worker.stop()
        await runner.cleanup()


async def _several(settings: Settings) -> None:
    stop = told_to_stop()
    memory = Memory(settings.authz_workers)
    supervisor = Supervisor(memory, drain_seconds=settings.authz_drain_seconds)
    runner = await admin.serve(settings.authz_http_addr, memory=memory, faults=supervisor.faults)
    try:
        await supervisor.run(stop)
    finally:
        await runner.cleanup()


def told_to_stop() -> asyncio.Event:
    """Set when the process is asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    return stop
