"""Users and their accounts in PostgreSQL.

Whoever changes the accounts of a user holds the row of that user: what the outbox says of all of them is then true, and
versions are in the order of the changes. Rows of `users` are locked before those of `accounts`, or two might wait for
each other.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_auth.errors import AlreadyLinked, UserGone
from eco2_auth.outbox import enqueue
from eco2_auth.providers.profile import Profile
from eco2_auth.tables import accounts, users
from eco2_service.database import Database

_ATTEMPTS: Final = 5
"""Of a login that meets others who log in to the same account, or delete it."""


class _Again(Exception):
    """Somebody else was faster: look again. Ends the transaction."""


@dataclass(frozen=True)
class Login:
    """Who signed in.

    Args:
        new: this account was seen for the first time.
    """

    user_id: str
    new: bool


class Accounts:
    """All accounts. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def login(self, profile: Profile, now: datetime) -> Login:
        """The user whose account it is; a new one for an account that nobody has.

        Raises:
            UserGone: when it is being created and deleted again and again.
        """
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.begin() as connection:
                    return await self._login(connection, profile, now)
            except _Again:
                continue
        raise UserGone

    async def link(self, user_id: str, profile: Profile, now: datetime) -> bool:
        """Give a user one more account. Returns False when it was the user's already.

        Raises:
            AlreadyLinked: it is another user's.
            UserGone: there is no such user.
        """
        identifier = _uuid(user_id)
        async with self._database.begin() as connection:
            if identifier is None or not await _hold(connection, identifier):
                raise UserGone
            new = await _add(connection, identifier, profile, now)
            if not new and not await _touch(connection, identifier, profile, now):
                raise AlreadyLinked
            await enqueue(connection, identifier, now)
            return new

    async def delete(self, user_id: str) -> bool:
        """Forget a user with all accounts and what was still to be told of them. Returns False when there was none."""
        identifier = _uuid(user_id)
        if identifier is None:
            return False
        async with self._database.begin() as connection:
            if not await _hold(connection, identifier):
                return False
            await connection.execute(delete(users).where(users.c.id == identifier))
            return True

    async def _login(self, connection: AsyncConnection, profile: Profile, now: datetime) -> Login:
        owner = await _owner(connection, profile)
        user_id = owner or uuid.uuid4()
        if owner is None:
            await connection.execute(insert(users).values(id=user_id))
            if not await _add(connection, user_id, profile, now):
                raise _Again  # somebody else's first login to the same account
        elif not await _hold(connection, owner) or not await _touch(connection, owner, profile, now):
            raise _Again  # deleted in between
        await enqueue(connection, user_id, now)
        return Login(str(user_id), new=owner is None)


async def _owner(connection: AsyncConnection, profile: Profile) -> uuid.UUID | None:
    found: uuid.UUID | None = await connection.scalar(select(accounts.c.user_id).where(*_is(profile)))
    return found


async def _hold(connection: AsyncConnection, user_id: uuid.UUID) -> bool:
    """Lock the row of a user. Returns False when there is none."""
    return await connection.scalar(select(users.c.id).where(users.c.id == user_id).with_for_update()) is not None


async def _add(connection: AsyncConnection, user_id: uuid.UUID, profile: Profile, now: datetime) -> bool:
    """Returns False when the account is somebody's already."""
    row = {"id": uuid.uuid4(), "user_id": user_id, "provider": profile.provider, "subject": profile.subject}
    statement = upsert(accounts).values({**row, **_facts(profile, now)}).on_conflict_do_nothing()
    return await connection.scalar(statement.returning(accounts.c.id)) is not None


async def _touch(connection: AsyncConnection, user_id: uuid.UUID, profile: Profile, now: datetime) -> bool:
    """Note what the provider says today. Returns False when the account is not this user's."""
    statement = update(accounts).where(*_is(profile), accounts.c.user_id == user_id).values(_facts(profile, now))
    return await connection.scalar(statement.returning(accounts.c.id)) is not None


def _is(profile: Profile) -> tuple[Any, ...]:
    return accounts.c.provider == profile.provider, accounts.c.subject == profile.subject


def _facts(profile: Profile, now: datetime) -> dict[str, Any]:
    return {
        "email": profile.email,
        "email_verified": profile.email_verified,
        "nickname": profile.nickname,
        "picture": profile.picture,
        "last_login_at": now,
    }


def _uuid(user_id: str) -> uuid.UUID | None:
    """None for what no user of ours is called; sessions are known by the same spelling, and by no other."""
    try:
        found = uuid.UUID(user_id)
    except ValueError:
        return None
    return found if str(found) == user_id else None
