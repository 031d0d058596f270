"""What a task is, for those who do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection

State = Literal["accepted", "dispatched", "done", "failed", "dead"]
Json = Mapping[str, Any]
"""An object of JSON."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task that was begun.

    Args:
        attempt: which one this is, from 1.
    """

    id: UUID
    kind: str
    user_id: str
    payload: Json
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed: `reason` is a word for programs, `detail` is for people. Neither holds what a user sent."""

    reason: str
    detail: str = ""


class TaskRefused(Exception):
    """Raised by the work: trying again would not help. The task is ``failed``."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.error = TaskError(reason, detail)


class TryLater(Exception):
    """Raised by the work: something it needs does not answer. It is tried again, until the attempts are used up.

    Args:
        seconds: wait at least so long, as a Retry-After says; by default the runner's own pause.
    """

    def __init__(self, reason: str, detail: str = "", *, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.error = TaskError(reason, detail)
        self.seconds = seconds


class RunResult(StrEnum):
    """What became of one run."""

    DONE = "done"
    FAILED = "failed"
    """The work refused the task for good."""
    DEAD = "dead"
    """The last attempt failed."""
    GIVEN_BACK = "given_back"
    """It failed and is tried again later."""
    LOST = "lost"
    """It took longer than its lease, and somebody else has it by now, or the user was deleted. Nothing was written."""
    NOT_TAKEN = "not_taken"
    """Finished, unknown, at work elsewhere, or resting: a message too many. Nothing was done."""


def _nothing(_connection: Connection, _task: Task, _outcome: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Handler:
    """How tasks of a kind are done.

    Args:
        work: does it, outside any transaction, and returns the result that the log keeps. It may run twice for a task
            (a worker that is killed, a lease that ends), so whatever it does to others has to be idempotent.
            It runs in threads, green or not. It must end by itself within the lease. It raises TaskRefused, TryLater or
            anything else; the words of anything else are not kept.
        commit: writes the domain's rows in the transaction in which the task becomes ``done``: once for a task, or
            never.
        abandon: likewise where the task becomes ``failed`` or ``dead``. What it raises is logged, and its writes are
            taken back; the task is finished nevertheless.
    """

    work: Callable[[Task], Json]
    commit: Callable[[Connection, Task, Json], None] = _nothing
    abandon: Callable[[Connection, Task, TaskError], None] = _nothing
