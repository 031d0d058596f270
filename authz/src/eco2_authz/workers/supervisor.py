"""Starts workers, and starts them again."""

import asyncio
import logging
import random
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from time import monotonic
from typing import Final

from eco2_authz.backoff import Backoff
from eco2_authz.metrics.families import PLACES, WORKER_RESTARTS
from eco2_authz.metrics.memory import BEAT, READY, Memory

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.2
RETRY_CAP_SECONDS: Final = 5.0
"""The first restart is at once; a worker that keeps ending is started less and less often."""
SOUND_SECONDS: Final = 10.0
"""A worker that has lived so long has not failed at its start."""
HUNG_SECONDS: Final = 30.0
"""A worker without a sign of life for so long is killed."""
STOP_SECONDS: Final = 1.5
"""Beside the time to drain: for the last lines of the log."""
_LOOK_SECONDS: Final = 1.0
_CANNOT_START: Final = "exit code 2"
"""Of a worker that could not have its address."""


class Supervisor:
    """Keeps workers running.

    Args:
        memory: where they count; as many as it has room for.
    """

    def __init__(self, memory: Memory, *, drain_seconds: float) -> None:
        self._memory = memory
        self._drain_seconds = drain_seconds
        self._processes: dict[int, Process] = {}
        self._begun = False
        self._stopping = False
        self._failed = False

    def faults(self) -> list[str]:
        """Why nothing should be sent here.

        At the start every worker has to be ready. Later one is enough: who calls another one, that is being started
        again, meets a closed port and takes the next.
        """
        if self._stopping:
            return ["stopping"]
        unready = self._unready()
        self._begun = self._begun or not unready
        if self._begun and len(unready) < self._memory.workers:
            return []
        return [f"worker {number} is not ready" for number in unready]

    def _unready(self) -> list[int]:
        return [number for number in range(self._memory.workers) if not self._memory.of(number)[READY]]

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the workers until `stop` is set, then let them end.

        Raises OSError when one could not even start, before all had: it has said why, and would say so for ever.
        """
        keepers = [
            asyncio.create_task(self._keep(number, stop), name=f"worker {number}")
            for number in range(self._memory.workers)
        ]
        await stop.wait()
        self._stopping = True
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.terminate()
        _, late = await asyncio.wait(keepers, timeout=self._drain_seconds + STOP_SECONDS)
        if late:
            log.warning("workers did not end in time", extra={"workers": len(late)})
            for number in list(self._processes):
                self._kill(number)
            await asyncio.wait(late)
        if self._failed:
            raise OSError("a worker cannot start: its log says why")

    async def _keep(self, number: int, stop: asyncio.Event) -> None:
        """Have one worker run, always."""
        backoff = Backoff(first=RETRY_SECONDS, cap=RETRY_CAP_SECONDS, random=random.random)
        while True:
            began = monotonic()
            try:
                end = f"exit code {await self._run(number, began)}"
            except OSError as error:  # too many processes, or no memory for one
                end = f"it cannot be started: {error}"
            if stop.is_set():
                return
            if end == _CANNOT_START and not self._begun:
                self._failed = True
                stop.set()
                return
            if monotonic() - began > SOUND_SECONDS:
                backoff.reset()
            self._memory.of(number)[PLACES[WORKER_RESTARTS]] += 1.0
            log.error("a worker has ended and is started again", extra={"worker": number, "end": end})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), backoff.pause())
                return

    async def _run(self, number: int, began: float) -> int:
        """Start a worker, and return its exit code when it has ended."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "eco2_authz.workers.child", str(number)),
            *(str(self._memory.workers), str(self._memory.file)),
            stdin=PIPE,  # which ends with this process: workers do not outlive it
            pass_fds=(self._memory.file,),
        )
        self._processes[number] = process
        if self._stopping:  # told so while it was being started
            process.terminate()
        ended = asyncio.ensure_future(process.wait())
        while not ended.done():
            await asyncio.wait((ended,), timeout=_LOOK_SECONDS)
            self._begun = self._begun or not self._unready()
            seen = max(began, self._memory.of(number)[BEAT])
            if not ended.done() and monotonic() - seen > HUNG_SECONDS:
                log.error("a worker hangs and is killed", extra={"worker": number})
                self._kill(number)
        del self._processes[number]
        self._memory.ended(number)
        return ended.result()

    def _kill(self, number: int) -> None:
        with suppress(ProcessLookupError, KeyError):
            self._processes[number].kill()
