"""One at a time: a push of a user and the request to delete them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

_KEYS: Final = 0x6D79
"""Sets these advisory locks apart from others of the database."""
_LOCK: Final = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("user_id"), _KEYS)))


async def lock_user(connection: AsyncConnection, user_id: str) -> None:
    """Wait until nobody else has the user, and keep them until the transaction ends.

    A row's lock would not do: a push of a user that is not there yet has no row, and would bring back one whose
    deletion was asked for, and finished, in between.
    """
    await connection.execute(_LOCK, {"user_id": user_id})
