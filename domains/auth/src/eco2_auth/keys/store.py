"""Published keys in PostgreSQL, where all processes see them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_auth.keys.choice import MATURE_SECONDS, KeyRecord
from eco2_auth.tables import signing_keys as table
from eco2_service.database import Database

UNSEEN: Final = timedelta(hours=1)
"""How long a key stays published that no process has in its bundle any more and that never signed."""
UNSERVED: Final = timedelta(minutes=5)
"""When no process has noted its keys for so long, none ran: they do so every minute."""


class KeyStore:
    """The table of published keys. Times in seconds since 1970. Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, keys: Sequence[dict[str, str]], now: float) -> list[KeyRecord]:
        """Publish public keys that are not yet, drop those that nobody needs any more, and return what is published."""
        moment = _moment(now)
        rows = [{"kid": key["kid"], "public_jwk": key, "published_at": moment, "seen_at": moment} for key in keys]
        # In one order, or two processes with other bundles might wait for each other.
        rows.sort(key=lambda row: str(row["kid"]))
        async with self._database.begin() as connection:
            await _leave_out_downtime(connection, moment)
            await connection.execute(
                delete(table).where(~_needed(moment), table.c.kid.not_in([key["kid"] for key in keys]))
            )
            upsert = insert(table)
            for row in rows:
                await connection.execute(
                    upsert.values(row).on_conflict_do_update(
                        index_elements=[table.c.kid],
                        set_={"seen_at": func.greatest(table.c.seen_at, upsert.excluded.seen_at)},
                    )
                )
            found = await connection.execute(select(table).where(_needed(moment)).order_by(*_ORDER))
            return [_record(row) for row in found]

    async def published(self, now: float) -> list[KeyRecord]:
        """What is published, the oldest first."""
        async with self._database.read() as connection:
            found = await connection.execute(select(table).where(_needed(_moment(now))).order_by(*_ORDER))
            return [_record(row) for row in found]

    async def note_signing(self, kids: Collection[str], *, until: float) -> None:
        """Note that tokens of these keys may live so long."""
        moment = _moment(until)
        async with self._database.begin() as connection:
            for kid in sorted(kids):
                await connection.execute(
                    update(table)
                    .where(table.c.kid == kid)
                    .values(last_signed_until=func.greatest(table.c.last_signed_until, moment))
                )


_ORDER: Final = (table.c.published_at, table.c.kid)


async def _leave_out_downtime(connection: AsyncConnection, now: datetime) -> None:
    """Nobody could read a key while no process ran: that is no part of the time for which it has been published.

    The oldest of all has nobody to wait for.
    """
    last: datetime | None = await connection.scalar(select(func.max(table.c.seen_at)))
    if last is None or now - last <= UNSERVED:
        return
    oldest = select(func.min(table.c.published_at)).scalar_subquery()
    waiting = and_(table.c.published_at > last - timedelta(seconds=MATURE_SECONDS), table.c.published_at > oldest)
    later = func.least(now, table.c.published_at + (now - last))
    # Rows seen meanwhile are another process's work, that started at the same time.
    await connection.execute(update(table).where(waiting, table.c.seen_at <= last).values(published_at=later))


def _needed(now: datetime) -> Any:
    return or_(
        table.c.seen_at >= now - UNSEEN, and_(table.c.last_signed_until.is_not(None), table.c.last_signed_until >= now)
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _record(row: Row[Any]) -> KeyRecord:
    signed: datetime | None = row.last_signed_until
    return KeyRecord(
        row.kid, row.public_jwk, row.published_at.timestamp(), None if signed is None else signed.timestamp()
    )
