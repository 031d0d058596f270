"""A small domain with tasks (support.example_tasks) on a real PostgreSQL and a real RabbitMQ."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import amqp
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text
from sqlalchemy.schema import CreateSchema
from support import rabbitmq as rabbitmq_server
from support.example_tasks import NAME, QUEUE, metadata, note, tasks
from support.postgres import Postgres
from support.rabbitmq import RabbitMQ
from support.services import postgres

from eco2_service.database import Database
from eco2_tasks.broker import Publisher, dead_letter_queue, work_queue
from eco2_tasks.engine import create_engine
from eco2_tasks.log import TaskLog
from eco2_tasks.service import task_log
from eco2_tasks.settings import TasksSettings

__all__ = ["postgres"]

MakeSettings = Callable[..., TasksSettings]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema of the domain."""
    with postgres.database() as url:
        engine = create_engine(TasksSettings(database_url=SecretStr(url)), name="template", pool_size=1)
        with engine.begin() as connection:
            connection.execute(CreateSchema("example"))
            metadata.create_all(connection)
        engine.dispose()
        yield url.rsplit("/", 1)[1]


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A RabbitMQ for all tests of the process. A test that breaks it has it well again at its end."""
    with rabbitmq_server.running() as broker:
        yield broker


@pytest.fixture
def broker(rabbitmq: RabbitMQ) -> RabbitMQ:
    """A RabbitMQ without messages."""
    for queue in (work_queue(QUEUE), dead_letter_queue(QUEUE)):
        with rabbitmq.channel() as channel, suppress(amqp.NotFound):
            channel.queue_purge(queue.name)
    return rabbitmq


@pytest.fixture
def make_settings(database_url: str, tmp_path: Path) -> MakeSettings:
    """Settings for that database; without a broker. Nothing waits long."""

    def make(**changes: Any) -> TasksSettings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "task_pause_seconds": 0.01,
            "reaper_seconds": 0.05,
            "worker_heartbeat_file": tmp_path / "heartbeat",
        }
        return TasksSettings(**values | changes)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> TasksSettings:
    """Settings without a broker."""
    return make_settings()


@pytest.fixture
def engine(settings: TasksSettings) -> Iterator[Engine]:
    """The database."""
    engine = create_engine(settings, name="test", pool_size=5)
    yield engine
    engine.dispose()


@pytest.fixture
async def database(settings: TasksSettings) -> Any:
    """The database, as a service has it."""
    database = Database.from_settings(settings, name="test")
    yield database
    await database.close()


@pytest.fixture
def log(settings: TasksSettings) -> TaskLog:
    """The log of the domain."""
    return task_log(settings, tasks)


class Sql:
    """Asks and changes the database behind everybody's back."""

    def __init__(self, engine: Engine, log: TaskLog) -> None:
        self._engine = engine
        self._log = log

    def __call__(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self._engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def accept(self, *payloads: dict[str, Any]) -> list[UUID]:
        """Accept tasks with such payloads."""
        with self._engine.begin() as connection:
            return [self._log.accept(connection, **note(**payload)) for payload in payloads]

    def do(self, work: Callable[[Connection], Any]) -> Any:
        """Do something in a transaction."""
        with self._engine.begin() as connection:
            return work(connection)

    def passes(self, seconds: float) -> None:
        """Let time pass, as far as the log knows."""
        moments = ("lease_until", "accepted_at", "dispatched_at", "due_at", "finished_at")
        earlier = ", ".join(f"{name} = {name} - make_interval(secs => :seconds)" for name in moments)
        self(f"UPDATE example.tasks SET {earlier}", seconds=seconds)  # noqa: S608 - names of columns

    def states(self, *ids: UUID) -> list[str]:
        """The states of tasks, in their order."""
        found = dict(self("SELECT id, state FROM example.tasks"))
        return [found[task_id] for task_id in ids]

    def row(self, task_id: UUID) -> dict[str, Any]:
        """What the log has of a task."""
        [(row,)] = self("SELECT to_jsonb(tasks) FROM example.tasks AS tasks WHERE id = :id", id=task_id)
        return dict(row)

    def effects(self, *ids: UUID) -> list[str]:
        """What was committed for tasks, in their order: each thing that happened."""
        rows = self("SELECT task_id, what FROM example.effects ORDER BY ctid")
        return [what for task_id in ids for of, what in rows if of == task_id]

    def runs(self, *ids: UUID) -> int:
        """How often the work of tasks was begun."""
        return sum(of in ids for (of,) in self("SELECT task_id FROM example.runs"))


@pytest.fixture
def sql(engine: Engine, log: TaskLog) -> Sql:
    """The database, looked at from outside."""
    return Sql(engine, log)


@pytest.fixture
def publisher(broker: RabbitMQ, make_settings: MakeSettings) -> Iterator[Publisher]:
    """Sends messages."""
    publisher = Publisher(NAME, QUEUE, make_settings(celery_broker_url=SecretStr(broker.url)))
    yield publisher
    publisher.close()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that work waits for. It is there at the end of the test, whatever happened."""
    return tmp_path / "gate"
