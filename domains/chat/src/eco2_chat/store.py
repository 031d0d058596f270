"""Conversations in PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_chat.schemas import CitedRule, Exchange, Kind
from eco2_chat.tables import conversations, exchanges
from eco2_service.database import Database
from eco2_service.problems import UserDeleted

_FIELDS: Final = tuple(exchanges.c[name] for name in Exchange.model_fields)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The place of a message in a user's conversation, given when it comes: answers do not change the order.

    Args:
        generation: of the conversation; another one since then means that the user has deleted the history.
    """

    user_id: str
    number: int
    generation: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What is kept of a message and its answer."""

    kind: Kind
    message: str
    image_id: uuid.UUID | None
    answer: str
    rules: Sequence[CitedRule]


class Conversations:
    """Reads and writes conversations. Raises DatabaseUnavailable like all that uses the database.

    Args:
        kept: exchanges of a user.
    """

    def __init__(self, database: Database, *, kept: int) -> None:
        self._database = database
        self._kept = kept

    async def open(self, user_id: str, *, context: int) -> tuple[Ticket, list[Exchange]]:
        """Take a place for a message. Also returns up to `context` exchanges before it, the oldest first.

        Raises:
            UserDeleted
        """
        new = upsert(conversations).values(user_id=user_id, last_number=1)
        counted = new.on_conflict_do_update(
            index_elements=[conversations.c.user_id],
            set_={"last_number": conversations.c.last_number + 1},
            where=conversations.c.is_deleted.is_(False),
        ).returning(conversations.c.last_number, conversations.c.generation, func.clock_timestamp())
        async with self._database.begin() as connection:
            # clock_timestamp: now() is when the transaction began, perhaps before one that was let in first
            row = (await connection.execute(counted)).one_or_none()
            if row is None:
                raise UserDeleted
            ticket = Ticket(user_id, *row)
            earlier = await _page(connection, user_id, before=ticket.number, limit=context)
        return ticket, [exchange for _, exchange in reversed(earlier)]

    async def keep(self, ticket: Ticket, said: Said) -> uuid.UUID | None:
        """Keep a message with its answer, and no more than there may be. None: the history was deleted meanwhile.

        Raises:
            UserDeleted: meanwhile.
        """
        mine = conversations.c.user_id == ticket.user_id
        async with self._database.begin() as connection:
            state = select(conversations.c.generation, conversations.c.is_deleted).where(mine).with_for_update()
            generation, is_deleted = (await connection.execute(state)).one()
            if is_deleted:
                raise UserDeleted
            if generation != ticket.generation:
                return None
            kept: uuid.UUID = (
                await connection.execute(insert(exchanges).values(_row(ticket, said)).returning(exchanges.c.id))
            ).scalar_one()
            await connection.execute(self._too_old(ticket.user_id))
        return kept

    def _too_old(self, user_id: str) -> Any:
        """Deletes all but the newest."""
        mine = exchanges.c.user_id == user_id
        first_too_many = (
            select(exchanges.c.number).where(mine).order_by(exchanges.c.number.desc()).offset(self._kept).limit(1)
        )
        return delete(exchanges).where(mine, exchanges.c.number <= first_too_many.scalar_subquery())

    async def page(self, user_id: str, *, before: int | None, limit: int) -> list[tuple[int, Exchange]]:
        """Exchanges with their numbers, the newest first.

        Args:
            before: number of the last one that is known.
        """
        async with self._database.read() as connection:
            return await _page(connection, user_id, before=before, limit=limit)

    async def clear(self, user_id: str) -> None:
        """Delete a user's history; what is under way is not kept either."""
        await self._forget(user_id)

    async def delete_user(self, user_id: str) -> None:
        """Delete all of a user but that they were deleted."""
        await self._forget(user_id, is_deleted=True)

    async def _forget(self, user_id: str, **changes: bool) -> None:
        new = upsert(conversations).values(user_id=user_id, **changes)
        changed = new.on_conflict_do_update(
            index_elements=[conversations.c.user_id],
            set_={"generation": conversations.c.generation + 1, **changes},
        )
        async with self._database.begin() as connection:
            await connection.execute(changed)
            await connection.execute(delete(exchanges).where(exchanges.c.user_id == user_id))


async def _page(
    connection: AsyncConnection, user_id: str, *, before: int | None, limit: int
) -> list[tuple[int, Exchange]]:
    statement = select(exchanges.c.number, *_FIELDS).where(exchanges.c.user_id == user_id)
    if before is not None:
        statement = statement.where(exchanges.c.number < before)
    rows = (await connection.execute(statement.order_by(exchanges.c.number.desc()).limit(limit))).mappings().all()
    return [(row["number"], Exchange.model_validate(row)) for row in rows]


def _row(ticket: Ticket, said: Said) -> dict[str, Any]:
    return {
        "user_id": ticket.user_id,
        "number": ticket.number,
        "asked_at": ticket.asked_at,
        "kind": said.kind.value,
        "message": said.message,
        "image_id": said.image_id,
        "answer": said.answer,
        "rules": [rule.model_dump() for rule in said.rules],
    }
