"""A worker as a process: ``python -m eco2_authz.workers.child NUMBER WORKERS FILE``, started by the supervisor."""

import asyncio
import logging
import signal
import sys
from typing import Final

import uvloop

from eco2_authz import logs, settings
from eco2_authz.metrics.memory import Memory
from eco2_authz.worker import Worker

log = logging.getLogger(__name__)

_STANDARD_INPUT: Final = 0


def main() -> None:
    """Answer until the supervisor says otherwise, or is gone."""
    number, workers, file = map(int, sys.argv[1:])
    loaded = settings.load()
    logs.configure(level=loaded.authz_log_level, worker=number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the supervisor tells the workers
    try:
        uvloop.run(_answer(loaded, Memory(workers, file), number))
    except OSError as error:
        log.critical("cannot start", extra={"cause": str(error)})
        sys.exit(2)


async def _answer(loaded: settings.Settings, memory: Memory, number: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(_STANDARD_INPUT, _orphaned, loop, stop)
    worker = Worker(loaded, memory.of(number), number)
    try:
        await worker.start()
        await stop.wait()
    finally:
        await worker.stop()


def _orphaned(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Nobody writes there: that it can be read is its end, and the supervisor's."""
    loop.remove_reader(_STANDARD_INPUT)
    stop.set()


if __name__ == "__main__":
    main()
