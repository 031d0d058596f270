"""Having a task done: by a worker behind the broker, or by a thread of this process."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol
from uuid import UUID

import structlog

from eco2_service.database import Database
from eco2_tasks.broker import BrokerDown, Publisher
from eco2_tasks.log import TaskLog
from eco2_tasks.runner import TaskRunner
from eco2_tasks.tasks import RunResult

WAITING_PER_THREAD: Final = 4
"""Tasks that may wait for a thread of this process; further ones wait in the log, where other replicas see them."""
log = structlog.get_logger("eco2.tasks.dispatch")


class Dispatcher(Protocol):
    """Sends tasks on their way."""

    async def dispatch(self, task_id: UUID, attempts: int = 0) -> bool:
        """Have a task done that the log has, in a committed transaction.

        Returns False when it was not sent: the reaper sends it later. Never raises because of the broker.

        Args:
            attempts: how often it was begun already, as the log says.
        """
        ...


class Busy(Exception):
    """As many tasks wait for a thread of this process as may."""


class CeleryDispatcher:
    """Sends a message, and writes that the broker has it once that is confirmed.

    While the broker does not answer, nobody waits for it: after a failure nothing is sent for a few seconds.

    Args:
        seconds: how long the broker may take, and how long it is left alone.
    """

    def __init__(self, publisher: Publisher, tasks: TaskLog, database: Database, *, seconds: float) -> None:
        self._publisher = publisher
        self._log = tasks
        self._database = database
        self._seconds = seconds
        # One: a connection to the broker is not to be used by two at once, and it takes a thousand messages a second.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dispatch")
        self._down_until = 0.0

    async def dispatch(self, task_id: UUID, attempts: int = 0) -> bool:
        """See `Dispatcher`. Raises DatabaseUnavailable when it is sent and that cannot be written: harmless."""
        if time.monotonic() < self._down_until:
            return False
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds * 2):
                await loop.run_in_executor(self._thread, self._publisher.send, task_id)
        except (BrokerDown, TimeoutError) as error:
            self._down_until = time.monotonic() + self._seconds
            log.warning("task not dispatched", task_id=str(task_id), error=str(error) or type(error).__name__)
            return False
        async with self._database.begin() as connection:
            await connection.run_sync(self._log.mark_dispatched, task_id, attempts)
        return True

    async def close(self) -> None:
        """Close the connection to the broker. What was not sent is in the log."""
        self._thread.submit(self._publisher.close)
        await asyncio.to_thread(self._thread.shutdown, wait=True)


class InlineDispatcher:
    """Does tasks in threads of this process.

    A task that waits for a thread stays ``accepted``: when this process ends, another one takes it up.
    """

    def __init__(self, runner: TaskRunner, *, threads: int) -> None:
        self._runner = runner
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="task")
        self._limit = threads * (1 + WAITING_PER_THREAD)
        self._under_way: dict[UUID, asyncio.Future[RunResult]] = {}

    async def dispatch(self, task_id: UUID, attempts: int = 0) -> bool:
        """See `Dispatcher`. Does not wait until the task is done."""
        try:
            self._begin(task_id)
        except Busy:
            return False
        return True

    async def run(self, task_id: UUID) -> RunResult:
        """Do a task and wait until it is done; who stops waiting does not stop the task.

        ``NOT_TAKEN`` means that somebody else does it, or did; see the log.

        Raises Busy, and DatabaseDown.
        """
        return await asyncio.shield(self._begin(task_id))

    def _begin(self, task_id: UUID) -> asyncio.Future[RunResult]:
        if (running := self._under_way.get(task_id)) is not None:
            return running
        if len(self._under_way) >= self._limit:
            raise Busy
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._runner.run, task_id)
        self._under_way[task_id] = future
        future.add_done_callback(lambda done: self._ended(task_id, done))
        return future

    def _ended(self, task_id: UUID, future: asyncio.Future[RunResult]) -> None:
        del self._under_way[task_id]
        if not future.cancelled() and (error := future.exception()) is not None:
            log.warning("task not run", task_id=str(task_id), error=type(error).__name__)

    async def close(self) -> None:
        """Wait for the tasks that run. Those that wait for a thread are left to the log."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
