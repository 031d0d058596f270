"""Deletions in PostgreSQL: asked for, worked on by one replica at a time, finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_my.schemas import Deletion, DeletionStep
from eco2_my.steps import ORDER, OWN, Ended, Steps, next_step
from eco2_my.tables import deletions, users
from eco2_service.database import Database
from eco2_service.locks import lock_user

_SHOWN: Final = (deletions.c.user_id, deletions.c.requested_at, deletions.c.steps, deletions.c.finished_at)


@dataclass(frozen=True, slots=True)
class Lease:
    """A deletion that is this replica's until a moment; whoever comes after that takes over.

    Args:
        attempts: how often the step that is next has failed.
        until: by the clock of the database. It is also what shows that the lease is still the one in the table.
    """

    user_id: str
    steps: Steps
    attempts: int
    until: datetime


class Deletions:
    """The record of who asked to be deleted. Raises DatabaseUnavailable like all that uses the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, user_id: str) -> Deletion:
        """Ask for a deletion and return it; if it was asked for before, as far as it is.

        From then on the user is not there for anyone, and auth's pushes are refused.
        """
        async with self._database.begin() as connection:
            await lock_user(connection, "my", user_id)
            await connection.execute(insert(deletions).values(user_id=user_id).on_conflict_do_nothing())
            await connection.execute(update(users).where(users.c.id == user_id).values(is_leaving=True))
            row = (await connection.execute(select(*_SHOWN).where(deletions.c.user_id == user_id))).mappings().one()
        return Deletion(
            user_id=row["user_id"],
            requested_at=row["requested_at"],
            state="under_way" if row["finished_at"] is None else "finished",
            steps=[DeletionStep(domain=domain, state=row["steps"].get(domain, "pending")) for domain in ORDER],
        )

    async def lease(self, seconds: float) -> Lease | None:
        """Take the deletion that has waited longest for its turn; None when none is due.

        No transaction stays open while other domains are asked: one that its owner left, by a crash or by losing the
        network, would hold the row for as long as PostgreSQL takes to notice.
        """
        due = (
            select(deletions.c.user_id)
            .where(deletions.c.finished_at.is_(None), deletions.c.next_attempt_at <= func.now())
            .order_by(deletions.c.next_attempt_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(deletions)
            .where(deletions.c.user_id == due.scalar_subquery())
            .values(next_attempt_at=_in(seconds))
            .returning(deletions.c.user_id, deletions.c.steps, deletions.c.attempts, deletions.c.next_attempt_at)
        )
        async with self._database.begin() as connection:
            row = (await connection.execute(taken)).one_or_none()
        return None if row is None else Lease(*row)

    async def end_step(self, lease: Lease, domain: str, how: Ended) -> bool:
        """Write that a domain is through, and give the lease back. Returns False when it was another's by then."""
        async with self._database.begin() as connection:
            return await _end_step(connection, lease, domain, how)

    async def forget_user(self, lease: Lease) -> bool:
        """The step of this domain: delete the user, and write that it is done, both or neither.

        Returns False, and has deleted nothing, when the lease was another's by then.
        """
        async with self._database.begin() as connection:
            if not await _end_step(connection, lease, OWN, "done"):
                return False
            await connection.execute(delete(users).where(users.c.id == lease.user_id))
            return True

    async def fail_step(self, lease: Lease, error: str, pause: float) -> bool:
        """Write why a step failed, to be tried again after a pause. Returns False when the lease was another's."""
        failed = {
            "attempts": deletions.c.attempts + 1,
            "last_error": error,
            "next_attempt_at": _in(pause),
        }
        async with self._database.begin() as connection:
            return await _give_back(connection, lease, failed)


async def _end_step(connection: AsyncConnection, lease: Lease, domain: str, how: Ended) -> bool:
    steps = {**lease.steps, domain: how}
    ended = {
        "steps": cast(steps, JSONB),
        "attempts": 0,
        "last_error": None,
        "next_attempt_at": func.now(),
        "finished_at": func.now() if next_step(steps) is None else None,
    }
    return await _give_back(connection, lease, ended)


async def _give_back(connection: AsyncConnection, lease: Lease, values: dict[str, Any]) -> bool:
    is_still_ours = (deletions.c.user_id == lease.user_id) & (deletions.c.next_attempt_at == lease.until)
    given = update(deletions).where(is_still_ours).values(values).returning(deletions.c.user_id)
    return (await connection.execute(given)).one_or_none() is not None


def _in(seconds: float) -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=seconds)
