"""A request for a classification, from its acceptance to what is answered."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog

from eco2_scan.errors import TaskUnknown
from eco2_scan.failures import problem_of
from eco2_scan.rewards import Rewards
from eco2_scan.schemas import ClassifyRequest, Task
from eco2_scan.store import Found, Scans, id_for_key
from eco2_scan.uploads import Uploads
from eco2_service.database import DatabaseUnavailable
from eco2_service.peers import Peer
from eco2_service.problems import UserDeleted
from eco2_service.rate_limit import RateLimit
from eco2_tasks.dispatch import Busy
from eco2_tasks.runner import DatabaseDown
from eco2_tasks.service import Tasks
from eco2_tasks.tasks import RunResult

log = structlog.get_logger("eco2.scan")


class Accepted(NamedTuple):
    """A task that is written down.

    Args:
        is_new: False when it was for an earlier request with the same key.
    """

    task_id: uuid.UUID
    is_new: bool


class Scanning:
    """What endpoints do.

    Args:
        character: with the time limit of a user that waits.
    """

    def __init__(
        self,
        scans: Scans,
        uploads: Uploads,
        limit: RateLimit,
        tasks: Tasks,
        rewards: Rewards,
        character: Peer,
    ) -> None:
        self._scans = scans
        self._uploads = uploads
        self._limit = limit
        self._tasks = tasks
        self._rewards = rewards
        self._character = character

    async def accept(self, user_id: str, request: ClassifyRequest, key: str | None) -> Accepted:
        """Write a task down; from then on it is done, whatever happens to the request.

        A repeated request is looked up before anything else: it costs nothing, and its image may be gone by now.

        Raises:
            ImageUnknown, ImageNotReady, ImagesUnavailable, TooManyRequests, KeyUsed, UserDeleted
        """
        image_id, question = request.image_id, request.question
        task_id = None if key is None else id_for_key(user_id, key)
        if task_id is not None and await self._scans.repeated(user_id, image_id, question, task_id):
            return Accepted(task_id, is_new=False)
        await self._uploads.must_be_ready(user_id, image_id)
        await self._limit.check(user_id)
        return Accepted(await self._scans.accept(user_id, image_id, question, task_id), is_new=True)

    async def later(self, user_id: str, accepted: Accepted) -> Task:
        """Have a task done, and return it as it is now."""
        if accepted.is_new:
            with _left_to_loops(accepted.task_id, "dispatch"):
                await self._tasks.dispatch(accepted.task_id)
        return (await self._find(user_id, accepted.task_id)).task

    async def now(self, user_id: str, accepted: Accepted, path: str) -> Task:
        """Do a task, and return it. It is not done where it is at work elsewhere, or there is no room here.

        Args:
            path: where the task can be read.

        Raises:
            NotClassified: it failed, for good or for now.
            DatabaseUnavailable: what came of it is not known; it is not lost.
        """
        task_id = accepted.task_id
        try:
            result = await self._tasks.run_here(task_id)
        except Busy:
            log.warning("no room for a scan", task_id=str(task_id))
            return await self.later(user_id, accepted)
        except DatabaseDown as error:
            raise DatabaseUnavailable from error
        if result is RunResult.DONE:
            with _left_to_loops(task_id, "reward"):
                await self._rewards.deliver_first(self._character, task_id)
        found = await self._find(user_id, task_id)
        has_failed = found.task.state in {"failed", "dead"}
        if has_failed or (result is RunResult.GIVEN_BACK and found.task.state != "done"):
            raise problem_of(found.task, path, found.rests)
        return found.task

    async def _find(self, user_id: str, task_id: uuid.UUID) -> Found:
        """A task that was there a moment ago. Raises UserDeleted when it is not any more."""
        try:
            return await self._scans.find(user_id, task_id)
        except TaskUnknown:
            raise UserDeleted from None


@contextmanager
def _left_to_loops(task_id: uuid.UUID, step: str) -> Iterator[None]:
    """The task is accepted, and loops do this step later: the database may be away for it, and the answer is had."""
    try:
        yield
    except DatabaseUnavailable:
        log.warning("left to loops", task_id=str(task_id), step=step)
