"""A small domain with tasks, for the tests of eco2_tasks: ``python -m support.example_tasks worker``.

What a task does stands in its payload:

    {"do": "note", "gate": "/tmp/open"}    waits until there is such a file, then ends
    {"do": "note", "lock": 7}              waits in PostgreSQL until nobody has that advisory lock, then ends
    {"do": "refuse" | "later" | "raise" | "kill" | "commit-raises" | "abandon-raises" | "unwritable"}

Each run is written to `runs` when it begins, and each commit to `effects`, which have no key: twice would be seen.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, func, insert, select
from sqlalchemy.dialects.postgresql import UUID as UUID_COLUMN

from eco2_service.metrics import Metrics
from eco2_tasks.engine import create_engine
from eco2_tasks.settings import TasksSettings
from eco2_tasks.tables import tasks_table
from eco2_tasks.tasks import Handler, Json, Task, TaskError, TaskRefused, TryLater
from eco2_tasks.worker import Worker, worker_cli

NAME, QUEUE, KIND = "tasks", "example", "note"
PAUSE = 0.01
metadata = MetaData(schema="example")
tasks = tasks_table(metadata)
runs = Table(
    "runs",
    metadata,
    Column("task_id", UUID_COLUMN(as_uuid=True)),
    Column("attempt", Integer),
    Column("process", Integer),
)
effects = Table("effects", metadata, Column("task_id", UUID_COLUMN(as_uuid=True)), Column("what", String))


def wait_for_gate(path: str) -> None:
    """Wait until there is such a file: work that lasts as long as the test wants."""
    while not Path(path).exists():
        time.sleep(PAUSE)


def _refuse(_task: Task) -> None:
    raise TaskRefused("not-waste", "there is nothing to be seen")


def _later(task: Task) -> None:
    raise TryLater("model-busy", seconds=task.payload.get("seconds", 0.0))


def _raise(_task: Task) -> None:
    raise ValueError("a secret that must not be kept")


def _kill(_task: Task) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


DOINGS: Mapping[str, Callable[[Task], None]] = {
    "refuse": _refuse,
    "abandon-raises": _refuse,
    "later": _later,
    "raise": _raise,
    "kill": _kill,
}


def handlers(engine: Engine) -> Mapping[str, Handler]:
    """How the tasks are done."""

    def work(task: Task) -> Json:
        with engine.begin() as connection:
            connection.execute(insert(runs).values(task_id=task.id, attempt=task.attempt, process=os.getpid()))
        if gate := task.payload.get("gate"):
            wait_for_gate(gate)
        if lock := task.payload.get("lock"):
            with engine.begin() as connection:
                connection.execute(select(func.pg_advisory_xact_lock_shared(lock)))
        if doing := DOINGS.get(task.payload["do"]):
            doing(task)
        return {"noted": object() if task.payload["do"] == "unwritable" else task.payload.get("text", "")}

    def commit(connection: Connection, task: Task, _result: Json) -> None:
        connection.execute(insert(effects).values(task_id=task.id, what="done"))
        if task.payload["do"] == "commit-raises":
            raise LookupError("no such row")

    def abandon(connection: Connection, task: Task, error: TaskError) -> None:
        connection.execute(insert(effects).values(task_id=task.id, what=error.reason))
        if task.payload["do"] == "abandon-raises":
            raise LookupError("no such row")

    return {KIND: Handler(work, commit, abandon)}


@contextmanager
def open_handlers(settings: TasksSettings, _metrics: Metrics) -> Iterator[Mapping[str, Handler]]:
    """The handlers, with connections of their own."""
    engine = create_engine(settings, name="example", pool_size=settings.celery_concurrency)
    try:
        yield handlers(engine)
    finally:
        engine.dispose()


def note(task_id: UUID | None = None, **payload: Any) -> dict[str, Any]:
    """What `TaskLog.accept` takes for a task of this domain."""
    return {"kind": KIND, "user_id": "user-1", "payload": {"do": "note"} | payload, "task_id": task_id}


WORKER = Worker(name=NAME, queue=QUEUE, settings=TasksSettings, table=tasks, open_handlers=open_handlers)


@click.group()
def main() -> None:
    """The program of the domain."""


worker_cli(main, "support.example_tasks:WORKER")

if __name__ == "__main__":
    main()
