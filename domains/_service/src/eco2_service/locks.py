"""Advisory locks: one at a time, also for what has no row yet; held until the transaction ends.

A row's lock does not do where the row may not be there: what is not written yet would outlive a deletion.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection


def lock_key(schema: str, name: str) -> int:
    """64 bits with a sign, as PostgreSQL has them. Two names may share one; they only wait for each other then."""
    return int.from_bytes(hashlib.sha256(f"eco2-{schema}:{name}".encode()).digest()[:8], "big", signed=True)


def wait_for_lock(schema: str, name: str) -> Select[tuple[None]]:
    """The statement that waits until nobody else has the lock; the statement's time limit holds.

    What was committed meanwhile is seen by the statements after it, not by itself.
    """
    return select(func.pg_advisory_xact_lock(lock_key(schema, name)))


def try_lock(schema: str, name: str) -> Select[tuple[bool]]:
    """The statement that takes the lock, or says False when somebody else has it."""
    return select(func.pg_try_advisory_xact_lock(lock_key(schema, name)))


async def lock_user(connection: AsyncConnection, schema: str, user_id: str) -> None:
    """Wait until nobody else has the user in this schema, and keep them until the transaction ends.

    For what is written of a user, and their deletion: what is not written yet has no row to lock, and would outlive it.
    """
    await connection.execute(wait_for_lock(schema, user_id))
