"""The environment, the tables, and the health check."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from click.testing import CliRunner
from pydantic import ValidationError
from sqlalchemy import Engine, MetaData
from sqlalchemy.schema import CreateSchema
from support.example_tasks import main

from eco2_tasks.engine import passes
from eco2_tasks.health import DEFAULT_FILE, SECONDS, is_alive
from eco2_tasks.runner import LONGEST_PAUSE
from eco2_tasks.settings import TasksSettings
from eco2_tasks.tables import create_tasks_table, drop_tasks_table, tasks_table
from eco2_tasks.worker import load_worker

URL = "postgresql://eco2@localhost/eco2"


def test_names_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": URL,
        "CELERY_BROKER_URL": "amqps://u:p@rabbit:5671/eco2",
        "CELERY_POOL": "eventlet",
        "CELERY_CONCURRENCY": "50",
        "WORKER_HEARTBEAT_FILE": "/run/beat",
    }.items():
        monkeypatch.setenv(name, value)
    settings = TasksSettings()
    assert (settings.celery_pool, settings.celery_concurrency) == ("eventlet", 50)
    assert settings.worker_heartbeat_file == Path("/run/beat")
    assert "u:p" not in repr(settings)


def test_there_need_not_be_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "")
    settings = TasksSettings(database_url=URL)
    assert settings.celery_broker_url is None
    assert settings.worker_heartbeat_file == DEFAULT_FILE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("celery_broker_url", "redis://localhost"),
        ("celery_pool", "processes"),
        ("celery_concurrency", "0"),
        ("task_attempts", "0"),
        ("task_lease_seconds", "-1"),
    ],
)
def test_what_is_wrong_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        TasksSettings(**{"database_url": URL, name: value})  # type: ignore[arg-type]


def test_the_migration_makes_the_table_that_the_program_knows(engine: Engine) -> None:
    metadata = MetaData(schema="other")
    tasks_table(metadata)
    with engine.begin() as connection:
        connection.execute(CreateSchema("other"))
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == "other",
                "compare_server_default": True,
            },
        )
        with Operations.context(context):
            create_tasks_table("other")
            assert compare_metadata(context, metadata) == []
            drop_tasks_table("other")
            assert len(compare_metadata(context, metadata)) >= 1


def test_a_task_outlasts_an_outage_of_twenty_minutes() -> None:
    settings = TasksSettings(database_url=URL)  # type: ignore[arg-type]
    pauses = [min(LONGEST_PAUSE, settings.task_pause_seconds * 2.0**n) for n in range(settings.task_attempts - 1)]
    assert 20 * 60 <= sum(pauses) <= 30 * 60


def test_what_passes_by_itself() -> None:
    refused = sqlalchemy.exc.OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))
    deadlock = sqlalchemy.exc.OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected())
    standby = sqlalchemy.exc.InternalError("SELECT 1", {}, psycopg.errors.ReadOnlySqlTransaction())
    duplicate = sqlalchemy.exc.IntegrityError("SELECT 1", {}, psycopg.errors.UniqueViolation())
    wrong = sqlalchemy.exc.ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable())
    assert [passes(error) for error in (refused, deadlock, standby, sqlalchemy.exc.TimeoutError())] == [True] * 4
    assert [passes(error) for error in (duplicate, wrong, ValueError())] == [False] * 3


def test_a_heartbeat_counts_for_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    assert not is_alive(file, now=0.0)
    file.touch()
    now = file.stat().st_mtime
    assert is_alive(file, now=now + SECONDS - 1)
    assert not is_alive(file, now=now + SECONDS)


def test_the_health_check_imports_little(tmp_path: Path) -> None:
    """It is run every few seconds in a container that has work to do."""
    file = tmp_path / "heartbeat"
    file.touch()
    command = [sys.executable, "-X", "importtime", "-m", "eco2_tasks.health"]
    for healthy in (True, False):
        ended = subprocess.run(
            command,
            env=os.environ | {"WORKER_HEARTBEAT_FILE": str(file), "COVERAGE_PROCESS_CONFIG": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == (0 if healthy else 1), ended.stderr
        for heavy in ("celery", "sqlalchemy", "pydantic", "fastapi"):
            assert f" {heavy}\n" not in ended.stderr
        file.unlink(missing_ok=True)


def test_a_worker_needs_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    result = CliRunner().invoke(main, ["worker"])
    assert result.exit_code == 2
    assert "CELERY_BROKER_URL" in result.output


def test_a_worker_begins_in_a_fresh_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Green threads have to replace the standard library before anything else is imported."""
    begun: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: begun.append(arguments))
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://u:p@rabbit//")
    monkeypatch.setenv("CELERY_POOL", "gevent")
    result = CliRunner().invoke(main, ["worker"])
    assert result.exit_code == 0, result.output
    [(program, argv, environ)] = begun
    assert (program, argv) == (
        sys.executable,
        [sys.executable, "-m", "eco2_tasks.boot", "support.example_tasks:WORKER"],
    )
    assert environ["CELERY_POOL"] == "gevent"


def test_what_is_no_worker_is_refused() -> None:
    assert load_worker("support.example_tasks:WORKER").queue == "example"
    with pytest.raises(TypeError, match="no Worker"):
        load_worker("support.example_tasks:QUEUE")
