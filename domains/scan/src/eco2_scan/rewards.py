"""Rewards: written with the result of a task, told to character afterwards, as often as it takes.

Character answers each request id once, and repeats that answer. The id is the task's: a task is rewarded once, however
often it is asked for, by however many replicas.
"""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from typing import Any, Final, NamedTuple

import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import ColumnElement, func, select, update

from eco2_scan.tables import rewards
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer, PeerUnavailable

PATH: Final = "/api/v1/internal/characters/rewards"
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds until character is asked again: twice as long each time, and up to a half less."""
GONE: Final = 410
NOT_ABOUT_THE_REQUEST: Final = frozenset({401, 403, 404, 405, 408, 425, 429})
"""A token that is being rotated, an address that leads elsewhere, too much at once: it passes, and says nothing of the
reward (RFC 9110, section 15.5). Any other 4xx would be the same tomorrow."""
RESULTS: Final = (
    "given",
    "already_owned",
    "insufficiencies_present",
    "no_disposal_rules",
    "no_match",
    "other",
    "refused",
    "user_deleted",
    "unavailable",
)
log = structlog.get_logger("eco2.scan.rewards")


class Answer(BaseModel):
    """What character says (`CharacterRewardResponse` there)."""

    model_config = ConfigDict(frozen=True)

    received: bool
    already_owned: bool
    character: dict[str, Any] | None
    reason: str | None


class Claimed(NamedTuple):
    """A reward that this process asks for now; others leave it alone until its next attempt."""

    task_id: uuid.UUID
    request: dict[str, Any]
    attempts: int


class Outcome(NamedTuple):
    """How it ends."""

    state: str
    reason: str | None
    response: dict[str, Any] | None


class Rewards:
    """Rewards that wait.

    Args:
        lease_seconds: how long a claim holds; longer than a call to character may take.
    """

    def __init__(self, database: Database, metrics: Metrics, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._results = Counter(
            "eco2_rewards_total", "Rewards asked for, by what came of it", ("result",), registry=metrics.registry
        )
        for result in RESULTS:  # all are there from the start: a rate needs a first value
            self._results.labels(result)

    async def deliver_due(self, peer: Peer) -> bool:
        """Ask for the reward that is due for longest. Raises DatabaseUnavailable.

        Returns whether to go on: False when none is due, and when character did not answer. What else is due is left
        alone then: each would be claimed, asked for in vain, and rest longer than the trouble lasts.
        """
        return await self._deliver(peer, rewards.c.next_attempt_at <= func.now())

    async def deliver_first(self, peer: Peer, task_id: uuid.UUID) -> None:
        """Ask for a task's reward unless somebody has begun to. Raises DatabaseUnavailable."""
        await self._deliver(peer, (rewards.c.task_id == task_id) & (rewards.c.attempts == 0))

    async def _deliver(self, peer: Peer, which: ColumnElement[bool]) -> bool:
        claimed = await self._claim(which)
        if claimed is None:
            return False
        outcome = await self._ask(peer, claimed)
        if outcome is None:
            self._results.labels("unavailable").inc()
            return False
        if await self._settle(claimed, outcome):
            self._results.labels(_result(outcome)).inc()
            log.info("reward", task_id=str(claimed.task_id), state=outcome.state, reason=outcome.reason)
        return True

    async def _claim(self, which: ColumnElement[bool]) -> Claimed | None:
        due = (
            select(rewards.c.task_id, rewards.c.attempts)
            .where(rewards.c.state == "pending", which)
            .order_by(rewards.c.next_attempt_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        async with self._database.begin() as connection:
            found = (await connection.execute(due)).one_or_none()
            if found is None:
                return None
            wait = timedelta(seconds=max(self._lease_seconds, pause(found.attempts)))
            claim = (
                update(rewards)
                .where(rewards.c.task_id == found.task_id)
                .values(attempts=rewards.c.attempts + 1, next_attempt_at=func.now() + wait)
                .returning(rewards.c.task_id, rewards.c.request, rewards.c.attempts)
            )
            return Claimed(*(await connection.execute(claim)).one())

    async def _ask(self, peer: Peer, claimed: Claimed) -> Outcome | None:
        """What character says; None when it is to be asked again."""
        about = {"task_id": str(claimed.task_id), "attempt": claimed.attempts}
        try:
            answer = await peer.request("POST", PATH, json=claimed.request)
        except PeerUnavailable as error:
            log.warning("reward_not_asked", reason=error.reason, **about)
            return None
        status = answer.status_code
        if status == GONE:
            return Outcome("none", "user_deleted", None)
        if answer.is_success:
            try:
                return _outcome(Answer.model_validate_json(answer.content))
            except ValidationError as error:
                log.error("reward_answer_not_understood", errors=error.error_count(), **about)
                return None
        log.error("reward_refused", status=status, **about)
        return None if status in NOT_ABOUT_THE_REQUEST or not 400 <= status < 500 else Outcome("none", "refused", None)

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> bool:
        """Write how it ended. Returns False when somebody else has, or the user is gone."""
        settled = (
            update(rewards)
            .where(rewards.c.task_id == claimed.task_id, rewards.c.state == "pending")
            .values(
                state=outcome.state,
                reason=outcome.reason,
                response=outcome.response,
                settled_at=func.now(),
            )
            .returning(rewards.c.task_id)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(settled)).one_or_none() is not None


def _outcome(answer: Answer) -> Outcome:
    return Outcome(
        "given" if answer.received else "none",
        None if answer.received else answer.reason or "other",
        answer.character,
    )


def _result(outcome: Outcome) -> str:
    """The label: reasons come from elsewhere, and labels are a fixed set."""
    if outcome.state == "given":
        return "given"
    return outcome.reason if outcome.reason in RESULTS else "other"


def pause(attempts: int) -> float:
    """How many seconds after so many attempts the next one is made."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts, 20))
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, and hides nothing
