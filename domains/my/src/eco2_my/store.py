"""Users and their accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_my.errors import ProfileChanged, UserDeleted, UserUnknown
from eco2_my.schemas import Account, Profile, PushedAccount, PushedUser
from eco2_my.tables import accounts, deletions, users
from eco2_service.database import Database
from eco2_service.locks import lock_user

_PROFILE: Final = (
    select(
        users.c.version,
        func.coalesce(users.c.nickname, accounts.c.nickname).label("nickname"),
        accounts.c.email,
        accounts.c.picture,
        accounts.c.last_login_at,
        users.c.created_at,
        users.c.updated_at,
    )
    .join_from(users, accounts)
    .where(users.c.id == bindparam("user_id"), accounts.c.provider == bindparam("provider"))
    .where(users.c.is_leaving.is_(False))
    .order_by(accounts.c.last_login_at.desc(), accounts.c.position)
    .limit(1)
)
"""One statement: it is what every page of the frontend begins with."""
_PROFILE_TO_CHANGE: Final = _PROFILE.with_for_update(of=users)
_ACCOUNT_FIELDS: Final = tuple(accounts.c[name] for name in Account.model_fields)

Condition = Collection[int]
"""The versions a change may be of."""


class Users:
    """Reads and writes users. Raises DatabaseUnavailable like all that uses the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def profile(self, user_id: str, provider: str) -> tuple[Profile, int]:
        """The user as signed in with the provider, by the account used last, and the version of that.

        Raises:
            UserUnknown, UserDeleted
        """
        async with self._database.read() as connection:
            return await _profile(connection, _PROFILE, user_id, provider)

    async def change(
        self, user_id: str, provider: str, changes: Mapping[str, str | None], condition: Condition | None
    ) -> tuple[Profile, int]:
        """Change the user's own fields and return what `profile` would.

        Args:
            changes: the new value by the name of the field.
            condition: None for whatever version there is.

        Raises:
            ProfileChanged: the version is none of the condition's.
            UserUnknown, UserDeleted
        """
        async with self._database.begin() as connection:
            _, version = await _profile(connection, _PROFILE_TO_CHANGE, user_id, provider)
            if condition is not None and version not in condition:
                raise ProfileChanged
            written = {**changes, "version": users.c.version + 1, "updated_at": func.now()}
            await connection.execute(update(users).where(users.c.id == user_id).values(written))
            return await _profile(connection, _PROFILE, user_id, provider)

    async def accounts(self, user_id: str, *, after: int, limit: int) -> list[tuple[int, Account]]:
        """Accounts behind a position, with theirs, in order. Raises UserUnknown, UserDeleted."""
        found = (
            select(accounts.c.position, *_ACCOUNT_FIELDS)
            .where(accounts.c.user_id == user_id, accounts.c.position > after)
            .order_by(accounts.c.position)
            .limit(limit)
        )
        async with self._database.read() as connection:
            await _be_there(connection, user_id)
            rows = (await connection.execute(found)).mappings().all()
        return [(row["position"], Account.model_validate(row)) for row in rows]

    async def be_there(self, user_id: str) -> None:
        """Raise UserUnknown or UserDeleted for a user that is not there."""
        async with self._database.read() as connection:
            await _be_there(connection, user_id)

    async def push(self, user_id: str, pushed: PushedUser) -> bool:
        """Take over what auth knows. Returns False when something as new or newer is there already.

        Raises:
            UserDeleted: also while the deletion is under way.
        """
        async with self._database.begin() as connection:
            await lock_user(connection, "my", user_id)
            if await _is_deleted(connection, user_id):
                raise UserDeleted
            if not await _is_newer(connection, user_id, pushed.version):
                return False
            await connection.execute(delete(accounts).where(accounts.c.user_id == user_id))
            if pushed.accounts:
                await connection.execute(insert(accounts), _rows(user_id, pushed.accounts))
            return True


async def _profile(
    connection: AsyncConnection, statement: Select[Any], user_id: str, provider: str
) -> tuple[Profile, int]:
    row = (await connection.execute(statement, {"user_id": user_id, "provider": provider})).one_or_none()
    if row is None:
        raise UserDeleted if await _is_deleted(connection, user_id) else UserUnknown
    version, *fields = row
    names = ("nickname", "email", "picture", "last_login_at", "created_at", "updated_at")
    return Profile.model_construct(user_id=user_id, provider=provider, **dict(zip(names, fields, strict=True))), version


async def _be_there(connection: AsyncConnection, user_id: str) -> None:
    is_leaving = await connection.scalar(select(users.c.is_leaving).where(users.c.id == user_id))
    if is_leaving is not False:
        raise UserDeleted if is_leaving or await _is_deleted(connection, user_id) else UserUnknown


async def _is_deleted(connection: AsyncConnection, user_id: str) -> bool:
    return await connection.scalar(select(deletions.c.user_id).where(deletions.c.user_id == user_id)) is not None


async def _is_newer(connection: AsyncConnection, user_id: str, version: int) -> bool:
    """Write the version of a push, unless it is an old one."""
    new = upsert(users).values(id=user_id, pushed_version=version)
    written = new.on_conflict_do_update(
        index_elements=[users.c.id],
        set_={"pushed_version": version, "version": users.c.version + 1, "updated_at": func.now()},
        where=users.c.pushed_version < version,
    )
    return (await connection.execute(written.returning(users.c.id))).one_or_none() is not None


def _rows(user_id: str, pushed: Sequence[PushedAccount]) -> list[dict[str, Any]]:
    return [
        {"user_id": user_id, "position": position, **account.model_dump()} for position, account in enumerate(pushed)
    ]
