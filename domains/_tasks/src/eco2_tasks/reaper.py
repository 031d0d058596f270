"""Sending again what was lost: tasks that nobody works on, although the log says they have to be done.

Every replica of the service runs one: rows are taken with SKIP LOCKED, each by one reaper.
"""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter

from eco2_service.database import Database
from eco2_tasks.dispatch import Dispatcher
from eco2_tasks.log import TaskLog

BATCH: Final = 100
log = structlog.get_logger("eco2.tasks.reaper")


class Reaper:
    """Looks for tasks that are due: not dispatched, not taken, given back, or begun by a worker that is gone.

    It writes no task off: one whose attempts are used up is dead when a runner finds that, in one transaction with the
    rows of the domain.

    Args:
        keep_days: how long finished tasks are kept.
    """

    def __init__(
        self,
        database: Database,
        tasks: TaskLog,
        dispatcher: Dispatcher,
        registry: CollectorRegistry,
        *,
        keep_days: float,
    ) -> None:
        self._database = database
        self._log = tasks
        self._dispatcher = dispatcher
        self._keep_days = keep_days
        self._sent = Counter("eco2_tasks_reaped", "Tasks that the reaper sent", registry=registry)

    async def run_once(self) -> bool:
        """Send a batch, and forget one of what is old. Returns whether there may be more of either.

        It ends with the first that cannot be sent: a broker that is down is asked once a round, whatever waits.
        """
        async with self._database.begin() as connection:
            due = await connection.run_sync(self._log.take_due, BATCH)
        for task in due:
            if not await self._dispatcher.dispatch(task.task_id, task.attempts):
                return False
            self._sent.inc()
        if due:
            log.info("tasks sent again", tasks=len(due))
        async with self._database.begin() as connection:
            forgotten = await connection.run_sync(self._log.forget_finished, days=self._keep_days, limit=BATCH)
        return max(len(due), forgotten) == BATCH
