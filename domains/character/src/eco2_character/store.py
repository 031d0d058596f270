"""The statements. Each function takes the connection, and with it the transaction, that it works in."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, exists, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_character.catalogue_file import Entry
from eco2_character.errors import Busy
from eco2_character.matching import Labels
from eco2_character.models import Answered, Character, Owned
from eco2_character.tables import catalogue_version, characters, deleted_users, ownerships, rewards
from eco2_service.locks import wait_for_lock

_CHARACTER: Final = (
    characters.c.id,
    characters.c.code,
    characters.c.name,
    characters.c.type,
    characters.c.dialog,
    characters.c.description,
    characters.c.match_major,
    characters.c.match_middle,
    characters.c.match_minor,
    characters.c.is_default,
    characters.c.retired_at,
)
_CURRENT: Final = characters.c.retired_at.is_(None)


def _character(row: Row[*tuple[Any, ...]]) -> Character:
    return Character(
        id=row.id,
        code=row.code,
        name=row.name,
        type=row.type,
        dialog=row.dialog,
        description=row.description,
        match=Labels(row.match_major, row.match_middle, row.match_minor),
        is_default=row.is_default,
        is_retired=row.retired_at is not None,
    )


async def _lock(connection: AsyncConnection, name: str) -> None:
    try:
        await connection.execute(wait_for_lock("character", name))
    except TimeoutError as error:
        raise Busy from error


# Catalogue


async def version(connection: AsyncConnection) -> int:
    """The catalogue's version; another one means another catalogue."""
    found: int = (await connection.execute(select(catalogue_version.c.version))).scalar_one()
    return found


async def current(connection: AsyncConnection) -> list[Character]:
    """The catalogue: all characters that are not retired."""
    return await _characters(connection, _CURRENT)


async def all_characters(connection: AsyncConnection) -> list[Character]:
    """Also those that are retired."""
    return await _characters(connection, literal(True))


async def with_match_keys(connection: AsyncConnection, keys: Sequence[str]) -> list[Character]:
    """The characters of the catalogue that are earned by one of these keys (see `matching.keys_of`)."""
    return await _characters(connection, _CURRENT & characters.c.match_key.in_(keys))


async def default(connection: AsyncConnection) -> Character | None:
    """The one that everybody starts with; None in a catalogue that was never filled."""
    found = await _characters(connection, _CURRENT & characters.c.is_default)
    return found[0] if found else None


async def _characters(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Character]:
    return [_character(row) for row in await connection.execute(select(*_CHARACTER).where(condition))]


async def lock_catalogue(connection: AsyncConnection) -> None:
    """Wait until no other import runs, and keep others waiting until this transaction ends. Raises Busy."""
    await _lock(connection, "import")


async def retire(connection: AsyncConnection, codes: Sequence[str]) -> None:
    """Take characters out of the catalogue; who has them keeps them."""
    statement = update(characters).where(characters.c.code.in_(codes) & _CURRENT)
    await connection.execute(statement.values(retired_at=func.now(), updated_at=func.now()))


async def put(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write characters into the catalogue: new ones, changed ones, and retired ones that are back."""
    statement = insert(characters)
    columns = [column.name for column in _CHARACTER if column.name not in ("id", "code", "retired_at")] + ["match_key"]
    statement = statement.on_conflict_do_update(
        index_elements=[characters.c.code],
        set_={name: statement.excluded[name] for name in columns} | {"retired_at": None, "updated_at": func.now()},
    )
    await connection.execute(statement, [_values(entry) for entry in entries])


def _values(entry: Entry) -> dict[str, object]:
    return {
        "code": entry.code,
        "name": entry.name,
        "type": entry.type,
        "dialog": entry.dialog,
        "description": entry.description,
        "match_major": entry.match.major,
        "match_middle": entry.match.middle,
        "match_minor": entry.match.minor,
        "match_key": entry.match.key,
        "is_default": entry.is_default,
    }


async def count_version_up(connection: AsyncConnection) -> None:
    """Say that the catalogue has changed."""
    values = {"version": catalogue_version.c.version + 1, "changed_at": func.now()}
    await connection.execute(update(catalogue_version).values(values))


# Users


async def lock_user(connection: AsyncConnection, user_id: str) -> bool:
    """Have a user's changes one after the other until this transaction ends. Returns whether the user was deleted.

    Raises:
        Busy: when another change of the user takes too long.
    """
    await _lock(connection, f"user:{user_id}")
    # A statement of its own: the lock's own statement would see what was there before it waited.
    return bool((await connection.execute(select(exists().where(deleted_users.c.user_id == user_id)))).scalar_one())


async def answered(connection: AsyncConnection, request_id: str) -> Answered | None:
    """What was answered to a request; None when it was never asked."""
    columns = select(rewards.c.fingerprint, rewards.c.response).where(rewards.c.request_id == request_id)
    row = (await connection.execute(columns)).one_or_none()
    return None if row is None else Answered(row.fingerprint, row.response)


async def remember(connection: AsyncConnection, request_id: str, user_id: str, answer: Answered) -> bool:
    """Keep an answer. Returns False when another request has taken the id meanwhile; waits for one that might."""
    statement = insert(rewards).values(
        request_id=request_id, user_id=user_id, fingerprint=answer.fingerprint, response=answer.response
    )
    return await _is_inserted(connection, statement)


async def give(connection: AsyncConnection, user_id: str, character_id: uuid.UUID, source: str) -> bool:
    """Give a user a character. Returns False when they have it. Behind the user's lock."""
    # Not now(): that is when the transaction began, before it waited, and a page might have gone past it meanwhile.
    values = {"user_id": user_id, "character_id": character_id, "source": source, "acquired_at": func.clock_timestamp()}
    return await _is_inserted(connection, insert(ownerships).values(values))


async def _is_inserted(connection: AsyncConnection, statement: Insert) -> bool:
    """Insert a row unless it is there. Returns whether it was not."""
    returning = statement.on_conflict_do_nothing().returning(literal(1))
    return (await connection.execute(returning)).one_or_none() is not None


async def owned(
    connection: AsyncConnection, user_id: str, *, after: tuple[datetime, uuid.UUID] | None, limit: int
) -> list[Owned]:
    """A user's characters, oldest first.

    Args:
        after: time and character of the last one that is known.
    """
    columns = (*_CHARACTER, ownerships.c.source, ownerships.c.acquired_at)
    key = tuple_(ownerships.c.acquired_at, ownerships.c.character_id)
    statement = select(*columns).join_from(ownerships, characters).where(ownerships.c.user_id == user_id)
    if after is not None:
        statement = statement.where(key > after)
    statement = statement.order_by(ownerships.c.acquired_at, ownerships.c.character_id).limit(limit)
    rows = await connection.execute(statement)
    return [Owned(_character(row), row.source, row.acquired_at) for row in rows]


async def delete_user(connection: AsyncConnection, user_id: str) -> None:
    """Forget all of a user but that they were deleted."""
    await connection.execute(insert(deleted_users).values(user_id=user_id).on_conflict_do_nothing())
    await connection.execute(delete(ownerships).where(ownerships.c.user_id == user_id))
    await connection.execute(delete(rewards).where(rewards.c.user_id == user_id))
