"""Doing one task: in a worker, or in a thread of the service."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from eco2_tasks.engine import passes
from eco2_tasks.log import Lease, TaskLog
from eco2_tasks.tasks import Handler, Json, RunResult, Task, TaskError, TaskRefused, TryLater

LONGEST_PAUSE: Final = 300.0
CLAIM_SECONDS: Final = 10.0
"""How long to wait for a database that does not answer before a task is begun. A worker has nothing better to do."""
FIRST_DATABASE_PAUSE: Final = 0.1
LONGEST_DATABASE_PAUSE: Final = 2.0
_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300)
T = TypeVar("T")
log = structlog.get_logger("eco2.tasks")


class DatabaseDown(Exception):
    """PostgreSQL does not answer. The task is as it was; its lease, if it has one, ends by itself."""


class TaskRunner:
    """Does tasks. May be used by many threads at once.

    Args:
        handlers: by kind. A task of an unknown kind is given back: it may be a newer release's.
        pause: seconds before the second attempt; it doubles up to five minutes.
    """

    def __init__(
        self,
        engine: Engine,
        tasks: TaskLog,
        handlers: Mapping[str, Handler],
        registry: CollectorRegistry,
        *,
        pause: float,
    ) -> None:
        self._engine = engine
        self._log = tasks
        self._handlers = handlers
        self._pause = pause
        self._seconds = Histogram(
            "eco2_task_duration_seconds",
            "Runs of tasks",
            ("kind", "result"),
            buckets=_BUCKETS,
            registry=registry,
        )

    def run(self, task_id: UUID) -> RunResult:
        """Do a task, if there is something to do. Errors of the work are written to the log, not raised.

        Raises DatabaseDown.
        """
        lease = self._transaction(lambda connection: self._log.claim(connection, task_id), seconds=CLAIM_SECONDS)
        if lease is None:
            log.debug("task not taken", task_id=str(task_id))
            return RunResult.NOT_TAKEN
        task = lease.task
        kind = task.kind if task.kind in self._handlers else "unknown"
        begin = time.perf_counter()
        result = self._do(lease)
        self._seconds.labels(kind, result.value).observe(time.perf_counter() - begin)
        log.info("task", task_id=str(task_id), kind=kind, attempt=task.attempt, result=result.value)
        return result

    def _do(self, lease: Lease) -> RunResult:
        task = lease.task
        if task.attempt > self._log.attempts:  # whoever began it last said nothing any more
            return self._abandon(lease, "dead", TaskError("attempts-exhausted", "every worker that began it was lost"))
        if (handler := self._handlers.get(task.kind)) is None:
            return self._try_later(lease, TaskError("unknown-kind"))
        try:
            result = handler.work(task)
            return self._end(lease, lambda connection: self._finish(connection, lease, handler, result), RunResult.DONE)
        except DatabaseDown:
            raise
        except TaskRefused as refused:
            return self._abandon(lease, "failed", refused.error)
        except TryLater as later:
            return self._try_later(lease, later.error, later.seconds)
        except Exception as error:
            log.exception("task raised", task_id=str(task.id), kind=task.kind)
            return self._try_later(lease, TaskError("error", type(error).__name__))

    def _finish(self, connection: Connection, lease: Lease, handler: Handler, result: Json) -> bool:
        if not self._log.finish(connection, lease, result):
            return False
        handler.commit(connection, lease.task, result)
        return True

    def _try_later(self, lease: Lease, error: TaskError, seconds: float = 0.0) -> RunResult:
        attempt = lease.task.attempt
        if attempt >= self._log.attempts:
            return self._abandon(lease, "dead", error)
        pause = max(seconds, min(LONGEST_PAUSE, self._pause * 2.0 ** min(attempt - 1, 20)))
        spread = pause * random.uniform(1.0, 1.3)  # noqa: S311 - so that not all come back at once
        return self._end(
            lease,
            lambda connection: self._log.give_back(connection, lease, error, spread),
            RunResult.GIVEN_BACK,
        )

    def _abandon(self, lease: Lease, state: Literal["failed", "dead"], error: TaskError) -> RunResult:
        task = lease.task
        handler = self._handlers.get(task.kind)

        def write(connection: Connection) -> bool:
            if not self._log.fail(connection, lease, state, error):
                return False
            if handler is not None:
                _attempt_abandon(connection, handler, task, error)
            return True

        if state == "dead":
            log.error("task is dead", task_id=str(task.id), kind=task.kind, reason=error.reason, detail=error.detail)
        return self._end(lease, write, RunResult(state))

    def _end(self, lease: Lease, write: Callable[[Connection], bool], result: RunResult) -> RunResult:
        """Write how it ended, as long as the lease is ours."""

        def written(connection: Connection) -> bool:
            return write(connection) or self._log.was_ended_by(connection, lease)

        # Work that took long, and cost money, is not thrown away because the database is failing over.
        return result if self._transaction(written, seconds=self._log.lease_seconds) else RunResult.LOST

    def _transaction(self, work: Callable[[Connection], T], *, seconds: float) -> T:
        """Run `work` in a transaction; again when the database does not answer, for so long."""
        deadline = time.monotonic() + seconds
        pause = FIRST_DATABASE_PAUSE
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except (DBAPIError, PoolTimeout) as error:
                if not passes(error):
                    raise
                if time.monotonic() + pause > deadline:
                    raise DatabaseDown from error
                log.warning("the database does not answer", error=type(error).__name__)
            time.sleep(pause)
            pause = min(LONGEST_DATABASE_PAUSE, pause * 2)


def _attempt_abandon(connection: Connection, handler: Handler, task: Task, error: TaskError) -> None:
    """A task that cannot even be given up would come back for ever."""
    try:
        with connection.begin_nested():
            handler.abandon(connection, task, error)
    except Exception as raised:
        if passes(raised):
            raise
        log.exception("abandoning a task raised", task_id=str(task.id), kind=task.kind)
