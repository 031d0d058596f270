"""Classifications in PostgreSQL: accepted, shown, forgotten."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_scan.classifying import KIND, payload_of
from eco2_scan.errors import KeyUsed, TaskUnknown
from eco2_scan.schemas import CharacterCard, Classification, Reward, Task, TaskFailure
from eco2_scan.tables import deleted_users, rewards, tasks
from eco2_service.database import Database
from eco2_service.locks import lock_user
from eco2_service.problems import UserDeleted
from eco2_tasks.log import TaskLog
from eco2_tasks.tasks import Json

_SHOWN: Final = (
    select(
        tasks.c.id,
        tasks.c.state,
        tasks.c.payload,
        tasks.c.attempts,
        tasks.c.accepted_at,
        tasks.c.finished_at,
        tasks.c.result,
        tasks.c.error,
        func.extract("epoch", tasks.c.lease_until - func.now()).label("rests"),
        rewards.c.state.label("reward_state"),
        rewards.c.reason.label("reward_reason"),
        rewards.c.response.label("reward_response"),
    )
    .select_from(tasks.outerjoin(rewards, rewards.c.task_id == tasks.c.id))
    .where(tasks.c.kind == KIND)
)
_KEYS: Final = uuid.UUID("51f5a2b6-3c8e-4a8e-9f0a-6d1f6f5c0e77")
"""The name space of tasks with a key (RFC 9562, section 5.5)."""
_NO_REWARD: Final = Reward(state="none", character=None, reason="not_classified")


@dataclass(frozen=True, slots=True)
class Found:
    """A task as the log has it.

    Args:
        rests: seconds until it may be begun again.
    """

    task: Task
    payload: Json
    rests: float


class Scans:
    """The tasks of users. Raises DatabaseUnavailable like all that uses the database."""

    def __init__(self, database: Database, log: TaskLog) -> None:
        self._database = database
        self._log = log

    async def accept(self, user_id: str, image_id: uuid.UUID, question: str, task_id: uuid.UUID | None) -> uuid.UUID:
        """Write a task down, so that it is not lost from then on, and return its id.

        Args:
            task_id: of a request with a key: a task that is there already stays as it is.

        Raises:
            KeyUsed: that one is of another request.
            UserDeleted: the user has left.
        """
        payload = payload_of(image_id, question)
        async with self._database.begin() as connection:
            await lock_user(connection, "scan", user_id)
            if await _is_deleted(connection, user_id):
                raise UserDeleted
            accepted = await connection.run_sync(
                lambda sync: self._log.accept(sync, kind=KIND, user_id=user_id, payload=payload, task_id=task_id)
            )
            if task_id is not None:
                _must_be((await _read(connection, user_id, task_id)).payload, payload)
        return accepted

    async def repeated(self, user_id: str, image_id: uuid.UUID, question: str, task_id: uuid.UUID) -> bool:
        """Whether the task of a request with a key is there already. Raises KeyUsed as `accept`."""
        try:
            found = await self.find(user_id, task_id)
        except TaskUnknown:
            return False
        _must_be(found.payload, payload_of(image_id, question))
        return True

    async def find(self, user_id: str, task_id: uuid.UUID) -> Found:
        """A task of the user. Raises TaskUnknown."""
        async with self._database.read() as connection:
            return await _read(connection, user_id, task_id)

    async def delete_user(self, user_id: str) -> None:
        """Forget a user, for good. Work that is under way for them is not written; again, nothing happens."""
        async with self._database.begin() as connection:
            await lock_user(connection, "scan", user_id)
            await connection.execute(insert(deleted_users).values(user_id=user_id).on_conflict_do_nothing())
            await connection.run_sync(self._log.delete_user, user_id)  # and, by their foreign key, the rewards


def id_for_key(user_id: str, key: str) -> uuid.UUID:
    """The id of the task of a request with a key: the same again for the same user and key, and no other's."""
    return uuid.uuid5(_KEYS, f"{user_id}\0{key}")


async def _read(connection: AsyncConnection, user_id: str, task_id: uuid.UUID) -> Found:
    statement = _SHOWN.where(tasks.c.id == task_id, tasks.c.user_id == user_id)
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise TaskUnknown
    return Found(_shown(row), row.payload, max(0.0, float(row.rests or 0)))


async def _is_deleted(connection: AsyncConnection, user_id: str) -> bool:
    return bool(await connection.scalar(select(exists().where(deleted_users.c.user_id == user_id))))


def _must_be(has: Json, wanted: Json) -> None:
    if has != wanted:
        raise KeyUsed


def _shown(row: Row[*tuple[Any, ...]]) -> Task:
    is_done = row.state == "done"
    return Task(
        id=row.id,
        state=row.state,
        image_id=uuid.UUID(row.payload["image_id"]),
        question=row.payload["question"],
        attempts=row.attempts,
        accepted_at=row.accepted_at,
        finished_at=row.finished_at,
        result=Classification.model_validate(row.result) if is_done else None,
        reward=_reward(row) if is_done else None,
        error=None if row.error is None else TaskFailure.model_validate(row.error),
    )


def _reward(row: Row[*tuple[Any, ...]]) -> Reward:
    if row.reward_state is None:
        return _NO_REWARD
    card = None if row.reward_response is None else CharacterCard.model_validate(row.reward_response)
    return Reward(state=row.reward_state, character=card, reason=row.reward_reason)
