"""How many tasks there are, of each state."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from eco2_service.database import Database
from eco2_tasks.log import TaskLog


class TaskCounts:
    """The gauge ``eco2_tasks{state}``: all of the log, the same from every replica."""

    def __init__(self, database: Database, tasks: TaskLog, registry: CollectorRegistry) -> None:
        self._database = database
        self._log = tasks
        self._gauge = Gauge("eco2_tasks", "Tasks in the log", ("state",), registry=registry)

    async def run_once(self) -> bool:
        """Count once."""
        async with self._database.read() as connection:
            counts = await connection.run_sync(self._log.counts)
        for state, number in counts.items():
            self._gauge.labels(state).set(number)
        return False
