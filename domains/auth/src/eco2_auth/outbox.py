"""What `my` is to be told of users: written with the change itself, delivered afterwards, as often as it takes.

Each message holds all accounts of a user, so only the newest counts: a new one takes the place of one that waits.
`version` grows with each; whoever hears an older one after a newer one ignores it.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_auth.tables import accounts, outbox, outbox_version
from eco2_service.database import Database
from eco2_service.peers import Peer, PeerUnavailable

log = structlog.get_logger("eco2.auth")

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
"""Seconds until a message is tried again: twice as long each time, and up to a half less."""
GONE: Final = 410


@dataclass(frozen=True)
class Message:
    """One user's accounts."""

    user_id: uuid.UUID
    version: int
    body: dict[str, Any]
    attempts: int


async def enqueue(connection: AsyncConnection, user_id: uuid.UUID, now: datetime) -> None:
    """Write down what a user's accounts are, in the transaction that changed them and holds the user's row."""
    found = await connection.execute(
        select(accounts).where(accounts.c.user_id == user_id).order_by(accounts.c.created_at, accounts.c.id)
    )
    body = {
        "accounts": [
            {
                "provider": row.provider,
                "email": row.email,
                "nickname": row.nickname,
                "picture": row.picture,
                "last_login_at": row.last_login_at.isoformat(),
            }
            for row in found
        ]
    }
    fresh = {
        "version": outbox_version.next_value(),
        "body": body,
        "created_at": now,
        "attempts": 0,
        "next_attempt_at": now,
    }
    statement = insert(outbox).values(user_id=user_id, **fresh)
    await connection.execute(statement.on_conflict_do_update(index_elements=[outbox.c.user_id], set_=fresh))


class Outbox:
    """Messages that wait.

    Args:
        peer: my.
        clock: seconds since 1970.
    """

    def __init__(self, database: Database, peer: Peer, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._peer = peer
        self._clock = clock

    async def deliver(self) -> bool:
        """Deliver one message that is due. Returns False when there is none. Raises DatabaseUnavailable."""
        message = await self._claim()
        if message is None:
            return False
        if await self._send(message):
            async with self._database.begin() as connection:
                await connection.execute(
                    delete(outbox).where(outbox.c.user_id == message.user_id, outbox.c.version == message.version)
                )
        return True

    async def waiting(self) -> int:
        """How many there are. Raises DatabaseUnavailable."""
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(outbox)) or 0)

    async def _claim(self) -> Message | None:
        """Take the message that is due the longest; nobody else takes it until its next attempt, come what may."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        due = (
            select(outbox.c.user_id, outbox.c.attempts)
            .where(outbox.c.next_attempt_at <= now)
            .order_by(outbox.c.next_attempt_at, outbox.c.version)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as connection:
            found = (await connection.execute(due)).one_or_none()
            if found is None:
                return None
            again = {"attempts": outbox.c.attempts + 1, "next_attempt_at": now + pause(found.attempts)}
            claim = update(outbox).where(outbox.c.user_id == found.user_id).values(again).returning(outbox)
            row = (await connection.execute(claim)).one()
        return Message(row.user_id, row.version, row.body, row.attempts)

    async def _send(self, message: Message) -> bool:
        """Returns whether it is done with."""
        try:
            answer = await self._peer.request(
                "PUT",
                f"/api/v1/internal/users/{message.user_id}",
                json={**message.body, "version": message.version},
            )
        except PeerUnavailable as error:
            log.warning(
                "profile_not_pushed", user_id=str(message.user_id), reason=error.reason, attempt=message.attempts
            )
            return False
        if answer.is_success:
            return True
        if answer.status_code == GONE:
            log.info("profile_of_deleted_user", user_id=str(message.user_id))
            return True
        log.error("profile_refused", user_id=str(message.user_id), status=answer.status_code, attempt=message.attempts)
        return False


def pause(attempts: int) -> timedelta:
    """How long after so many attempts the next one is made."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts, 20))
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, and hides nothing
