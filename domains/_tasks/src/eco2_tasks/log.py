"""The statements of the write-ahead log.

All functions take a synchronous connection in a transaction; a service, whose connections are asynchronous, says
``await connection.run_sync(log.accept, ...)``. All moments are of the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, Table, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from eco2_tasks.tasks import Json, State, Task, TaskError

UNFINISHED: Final = ("accepted", "dispatched")
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True)
class Lease:
    """A task that was begun, and what shows that it is still this runner's."""

    task: Task
    token: UUID


@dataclass(frozen=True, slots=True)
class Due:
    """A task that needs a message."""

    task_id: UUID
    attempts: int


class TaskLog:
    """The log of one domain.

    Args:
        table: of `tables.tasks_table`.
        lease_seconds, attempts: as in the settings.
        grace_seconds: how long a task that was accepted is left to whoever accepted it.
        lost_seconds: how long a message may wait until it counts as lost, the first time.
    """

    def __init__(
        self, table: Table, *, lease_seconds: float, attempts: int, grace_seconds: float, lost_seconds: float
    ) -> None:
        self.table = table
        self.lease_seconds = lease_seconds
        self.attempts = attempts
        self._grace_seconds = grace_seconds
        self._lost_seconds = lost_seconds

    def accept(
        self, connection: Connection, *, kind: str, user_id: str, payload: Json, task_id: UUID | None = None
    ) -> UUID:
        """Write that a task has to be done and return its id; once the transaction is committed it is never lost.

        Args:
            task_id: makes it idempotent: a task that is there already stays as it is.
        """
        chosen = uuid4() if task_id is None else task_id
        values = {
            "id": chosen,
            "kind": kind,
            "user_id": user_id,
            "payload": dict(payload),
            "due_at": _in(self._grace_seconds),
        }
        connection.execute(insert(self.table).values(values).on_conflict_do_nothing())
        return chosen

    def mark_dispatched(self, connection: Connection, task_id: UUID, attempts: int = 0) -> bool:
        """Write that the broker has a message. False when somebody has begun the task by then.

        A message that nobody takes may be lost; it may also wait in a long queue. So the reaper sends another one only
        when the task is twice as old as it was at the last one: a task that waits for a day gets nine.

        Args:
            attempts: as they were when the message was sent: what was begun and given back meanwhile has none.
        """
        tasks = self.table.c
        waiting = func.now() - tasks.accepted_at
        marked = (
            update(self.table)
            .where(tasks.id == task_id, tasks.state == "accepted", tasks.attempts == attempts)
            .values(
                state="dispatched",
                dispatched_at=func.now(),
                due_at=func.now() + func.greatest(timedelta(seconds=self._lost_seconds), waiting),
            )
        )
        return connection.execute(marked).rowcount == 1

    def claim(self, connection: Connection, task_id: UUID) -> Lease | None:
        """Begin a task. None when there is nothing to begin: it is finished, unknown, somebody's, or rests."""
        tasks = self.table.c
        token = uuid4()
        taken = (
            update(self.table)
            .where(tasks.id == task_id, tasks.state.in_(UNFINISHED))
            .where(or_(tasks.lease_until.is_(None), tasks.lease_until <= func.now()))
            .values(
                state="dispatched",
                attempts=tasks.attempts + 1,
                lease_token=token,
                lease_until=_in(self.lease_seconds),
                due_at=_in(self.lease_seconds),
                dispatched_at=func.coalesce(tasks.dispatched_at, func.now()),
            )
            .returning(tasks.id, tasks.kind, tasks.user_id, tasks.payload, tasks.attempts)
        )
        row = connection.execute(taken).one_or_none()
        return None if row is None else Lease(Task(*row), token)

    def finish(self, connection: Connection, lease: Lease, result: Json) -> bool:
        """Write that a task is done. False when the lease is not this one any more, or it is written already."""
        return self._end(connection, lease, state="done", result=dict(result), error=None, finished_at=func.now())

    def fail(self, connection: Connection, lease: Lease, state: Literal["failed", "dead"], error: TaskError) -> bool:
        """Write that a task will not be done. False as `finish`."""
        attempts = func.least(self.table.c.attempts, self.attempts)  # the one that only found them used up is none
        return self._end(connection, lease, state=state, error=asdict(error), attempts=attempts, finished_at=func.now())

    def give_back(self, connection: Connection, lease: Lease, error: TaskError, pause: float) -> bool:
        """Write that an attempt failed; nobody begins the next one for `pause` seconds. False as `finish`."""
        rest = _in(pause)
        return self._end(
            connection, lease, state="accepted", error=asdict(error), lease_token=None, lease_until=rest, due_at=rest
        )

    def was_ended_by(self, connection: Connection, lease: Lease) -> bool:
        """Whether a task is finished, and by this lease: after a COMMIT whose answer was lost."""
        tasks = self.table.c
        ended = select(tasks.id).where(tasks.id == lease.task.id, tasks.lease_token == lease.token)
        return connection.execute(ended.where(tasks.finished_at.is_not(None))).one_or_none() is not None

    def _end(self, connection: Connection, lease: Lease, **values: Any) -> bool:
        """The token stays with what is finished: it shows who did it.

        A lease that is over counts as long as nobody else has begun: the work is done, and once.
        """
        tasks = self.table.c
        is_still_ours = (tasks.id == lease.task.id) & (tasks.lease_token == lease.token) & tasks.state.in_(UNFINISHED)
        return connection.execute(update(self.table).where(is_still_ours).values(values)).rowcount == 1

    def take_due(self, connection: Connection, limit: int) -> list[Due]:
        """The tasks that need a message, oldest first, for this reaper alone: others skip them.

        They are accepted again until it is confirmed. A reaper that cannot send them leaves them for the grace time.
        """
        tasks = self.table.c
        due = (
            select(tasks.id)
            .where(tasks.state.in_(UNFINISHED), tasks.due_at <= func.now())
            .order_by(tasks.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(self.table)
            .where(tasks.id.in_(due.cte("due").select()))
            .values(state="accepted", due_at=_in(self._grace_seconds))
            .returning(tasks.id, tasks.attempts, tasks.accepted_at)
        )
        rows = sorted(connection.execute(taken).all(), key=lambda row: row.accepted_at)
        return [Due(row.id, row.attempts) for row in rows]

    def counts(self, connection: Connection) -> Mapping[State, int]:
        """How many tasks there are in each state, of all states."""
        column = self.table.c.state
        found = {row[0]: row[1] for row in connection.execute(select(column, func.count()).group_by(column))}
        return {state: found.get(state, 0) for state in STATES}

    def delete_user(self, connection: Connection, user_id: str) -> int:
        """Forget all tasks of a user; those that run will write nothing. Returns how many there were.

        Call it before the rows of the domain are deleted, in one transaction: a task that commits just then is waited
        for, and its rows are there to be deleted afterwards.
        """
        return connection.execute(delete(self.table).where(self.table.c.user_id == user_id)).rowcount

    def forget_finished(self, connection: Connection, *, days: float, limit: int) -> int:
        """Delete the tasks that were finished so many days ago, the oldest first. Returns how many."""
        tasks = self.table.c
        old = (
            select(tasks.id)
            .where(tasks.finished_at < func.now() - timedelta(days=days))
            .order_by(tasks.finished_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return connection.execute(delete(self.table).where(tasks.id.in_(old.cte("old").select()))).rowcount


def _in(seconds: float) -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=seconds)
