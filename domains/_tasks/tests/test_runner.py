"""Doing one task, on a real PostgreSQL."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, insert
from structlog.testing import capture_logs
from support import postgres as postgresql
from support.example_tasks import KIND, effects, handlers, metadata, note, runs, tasks
from support.waits import eventually

from eco2_tasks import runner as runner_module
from eco2_tasks.engine import create_engine
from eco2_tasks.log import TaskLog
from eco2_tasks.runner import DatabaseDown, TaskRunner
from eco2_tasks.service import task_log
from eco2_tasks.settings import TasksSettings
from eco2_tasks.tasks import Handler, RunResult, Task, TryLater

MakeRunner = Callable[..., TaskRunner]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def runner(engine: Engine, log: TaskLog, registry: CollectorRegistry) -> TaskRunner:
    return TaskRunner(engine, log, handlers(engine), registry, pause=0.0)


def test_a_task_is_done_and_its_rows_are_written_with_it(sql: Any, runner: TaskRunner) -> None:
    [task_id] = sql.accept({"text": "x"})
    assert runner.run(task_id) is RunResult.DONE
    row = sql.row(task_id)
    assert (row["state"], row["result"], row["error"], row["attempts"]) == ("done", {"noted": "x"}, None, 1)
    assert row["finished_at"] is not None
    assert sql.effects(task_id) == ["done"]


def test_messages_too_many_do_nothing(sql: Any, runner: TaskRunner, registry: CollectorRegistry) -> None:
    [task_id] = sql.accept({})
    with ThreadPoolExecutor(max_workers=5) as threads:
        results = list(threads.map(runner.run, [task_id] * 20))
    assert sorted(results) == ["done", *["not_taken"] * 19]
    assert runner.run(uuid4()) is RunResult.NOT_TAKEN
    assert (sql.runs(task_id), sql.effects(task_id)) == (1, ["done"])
    counted = {"kind": KIND, "result": "done"}
    assert registry.get_sample_value("eco2_task_duration_seconds_count", counted) == 1


def test_what_the_work_refuses_has_failed(sql: Any, runner: TaskRunner) -> None:
    [task_id] = sql.accept({"do": "refuse"})
    assert runner.run(task_id) is RunResult.FAILED
    row = sql.row(task_id)
    assert (row["state"], row["attempts"], row["result"]) == ("failed", 1, None)
    assert row["error"] == {"reason": "not-waste", "detail": "there is nothing to be seen"}
    assert sql.effects(task_id) == ["not-waste"]


@pytest.mark.parametrize(
    ("doing", "error"),
    [
        ("later", {"reason": "model-busy", "detail": ""}),
        ("raise", {"reason": "error", "detail": "ValueError"}),
        ("commit-raises", {"reason": "error", "detail": "LookupError"}),
        ("unwritable", {"reason": "error", "detail": "TypeError"}),
    ],
)
def test_what_goes_wrong_is_tried_again_and_then_dead(
    sql: Any, runner: TaskRunner, log: TaskLog, doing: str, error: dict[str, str]
) -> None:
    [task_id] = sql.accept({"do": doing})
    with capture_logs() as lines:
        for attempt in range(1, log.attempts):
            assert runner.run(task_id) is RunResult.GIVEN_BACK
            row = sql.row(task_id)
            assert (row["state"], row["attempts"], row["error"]) == ("accepted", attempt, error)
            sql.passes(3600.0)
        assert runner.run(task_id) is RunResult.DEAD
    row = sql.row(task_id)
    assert (row["state"], row["attempts"], row["error"]) == ("dead", log.attempts, error)
    assert sql.effects(task_id) == [error["reason"]]
    [line] = [line for line in lines if line["event"] == "task is dead"]
    assert (line["log_level"], line["task_id"]) == ("error", str(task_id))
    assert "secret" not in str(row)


def test_pauses_grow_and_are_as_long_as_the_work_wants(engine: Engine, sql: Any, log: TaskLog) -> None:
    runner = TaskRunner(engine, log, handlers(engine), CollectorRegistry(), pause=10.0)

    def rest(task_id: object) -> float:
        [(seconds,)] = sql(
            "SELECT EXTRACT(EPOCH FROM lease_until - now()) FROM example.tasks WHERE id = :id AND due_at = lease_until",
            id=task_id,
        )
        return float(seconds)

    growing, told = sql.accept({"do": "raise"}, {"do": "later", "seconds": 100.0})
    for pause in (10.0, 20.0, 40.0):
        with capture_logs():
            assert runner.run(growing) is RunResult.GIVEN_BACK
        assert pause - 5 < rest(growing) < pause * 1.3
        assert runner.run(growing) is RunResult.NOT_TAKEN
        sql.passes(100.0)
    assert runner.run(told) is RunResult.GIVEN_BACK
    assert rest(told) > 95.0


def test_a_kind_nobody_knows_may_be_a_newer_releases(sql: Any, log: TaskLog, runner: TaskRunner) -> None:
    task_id = sql.do(lambda connection: log.accept(connection, **note() | {"kind": "newer"}))
    assert runner.run(task_id) is RunResult.GIVEN_BACK
    assert sql.row(task_id)["error"]["reason"] == "unknown-kind"
    for _ in range(log.attempts - 2):
        sql.passes(3600.0)
        runner.run(task_id)
    sql.passes(3600.0)
    assert runner.run(task_id) is RunResult.DEAD


def test_a_task_that_ends_its_workers_is_dead_in_the_end(sql: Any, log: TaskLog, runner: TaskRunner) -> None:
    [task_id] = sql.accept({})
    for _ in range(log.attempts):  # each of whom says nothing any more
        assert sql.do(lambda connection: log.claim(connection, task_id))
        sql.passes(log.lease_seconds)
    assert runner.run(task_id) is RunResult.DEAD
    row = sql.row(task_id)
    assert (row["attempts"], row["error"]["reason"]) == (log.attempts, "attempts-exhausted")
    assert (sql.runs(task_id), sql.effects(task_id)) == (0, ["attempts-exhausted"])


def test_giving_up_succeeds_whatever_the_domain_does(sql: Any, runner: TaskRunner) -> None:
    [task_id] = sql.accept({"do": "abandon-raises"})
    with capture_logs() as lines:
        assert runner.run(task_id) is RunResult.FAILED
    assert sql.states(task_id) == ["failed"]
    assert sql.effects(task_id) == [], "what it wrote before it raised is taken back"
    assert "abandoning a task raised" in {line["event"] for line in lines}


def test_who_wakes_up_too_late_writes_nothing(sql: Any, runner: TaskRunner, log: TaskLog, gate: Any) -> None:
    [task_id] = sql.accept({"gate": str(gate)})
    with ThreadPoolExecutor(max_workers=2) as threads:
        slow = threads.submit(runner.run, task_id)
        eventually(lambda: sql.runs(task_id) == 1)
        sql.passes(log.lease_seconds)
        other = threads.submit(runner.run, task_id)
        eventually(lambda: sql.runs(task_id) == 2)
        gate.touch()
        assert {slow.result(), other.result()} == {RunResult.LOST, RunResult.DONE}
        assert other.result() is RunResult.DONE
    assert sql.effects(task_id) == ["done"]


def test_a_user_that_is_deleted_meanwhile_gets_nothing_back(
    sql: Any, runner: TaskRunner, log: TaskLog, gate: Any
) -> None:
    [task_id] = sql.accept({"gate": str(gate)})
    with ThreadPoolExecutor(max_workers=1) as thread:
        running = thread.submit(runner.run, task_id)
        eventually(lambda: sql.runs(task_id) == 1)
        sql.do(lambda connection: log.delete_user(connection, "user-1"))
        gate.touch()
        assert running.result() is RunResult.LOST
    assert sql.effects(task_id) == []


def test_a_commit_whose_answer_is_lost_counts_once(engine: Engine, sql: Any, runner: TaskRunner) -> None:
    """The connection is cut by the server after the COMMIT that it did."""
    [task_id] = sql.accept({})
    cut: list[int] = []

    @event.listens_for(engine, "commit")
    def commit(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        [state] = driver.execute("SELECT state FROM example.tasks").fetchone()
        if state == "done" and not cut:
            driver.commit()
            [pid] = driver.execute("SELECT pg_backend_pid()").fetchone()
            cut.append(pid)
            sql("SELECT pg_terminate_backend(:pid)", pid=pid)

    assert runner.run(task_id) is RunResult.DONE
    assert cut
    assert (sql.runs(task_id), sql.effects(task_id)) == (1, ["done"])


@pytest.fixture
def own_server(make_settings: Any) -> Any:
    """A PostgreSQL that a test may break."""
    with postgresql.running() as server:
        settings: TasksSettings = make_settings(database_url=SecretStr(server.url()), database_timeout_seconds=1.0)
        server.execute("CREATE SCHEMA example")
        engine = create_engine(settings, name="test", pool_size=2)
        metadata.create_all(engine)
        yield server, settings, engine
        engine.dispose()


def test_what_was_done_while_the_database_restarted_is_written_afterwards(own_server: Any) -> None:
    server, settings, engine = own_server
    log = task_log(settings, tasks)
    working, stopped = threading.Event(), threading.Event()

    def work(_task: Task) -> dict[str, Any]:
        working.set()
        assert stopped.wait(30)
        return {"cost": "money"}

    def commit(connection: Connection, task: Task, _result: Any) -> None:
        connection.execute(insert(effects).values(task_id=task.id, what="done"))

    runner = TaskRunner(engine, log, {KIND: Handler(work, commit)}, CollectorRegistry(), pause=0.0)
    with engine.begin() as connection:
        task_id = log.accept(connection, **note())
    with ThreadPoolExecutor(max_workers=1) as thread, capture_logs() as lines:
        running = thread.submit(runner.run, task_id)
        assert working.wait(30)
        server.kill()
        stopped.set()
        eventually(lambda: [line for line in lines if line["event"] == "the database does not answer"])
        server.start()
        assert running.result() is RunResult.DONE
    assert server.execute("SELECT task_id, what FROM example.effects") == [(task_id, "done")]
    assert server.execute("SELECT state, attempts FROM example.tasks") == [("done", 1)]


def test_without_a_database_nothing_is_begun(own_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, settings, engine = own_server
    log = task_log(settings, tasks)
    with engine.begin() as connection:
        task_id = log.accept(connection, **note())
    monkeypatch.setattr(runner_module, "CLAIM_SECONDS", 0.3)
    runner = TaskRunner(engine, log, handlers(engine), CollectorRegistry(), pause=0.0)
    server.stop()
    with pytest.raises(DatabaseDown):
        runner.run(task_id)
    server.start()
    assert runner.run(task_id) is RunResult.DONE
    assert server.execute("SELECT count(*) FROM example.runs") == [(1,)]


def test_errors_of_the_statements_are_raised(engine: Engine, sql: Any, log: TaskLog, runner: TaskRunner) -> None:
    [task_id] = sql.accept({})
    sql("ALTER TABLE example.tasks DROP COLUMN lease_token")
    with pytest.raises(Exception, match="lease_token"):
        runner.run(task_id)


def test_a_database_that_is_lost_while_giving_up_is_waited_for(
    engine: Engine, sql: Any, log: TaskLog, registry: CollectorRegistry
) -> None:
    [task_id] = sql.accept({})
    cut: list[int] = []

    def work(_task: Task) -> dict[str, Any]:
        raise TryLater("busy")

    def abandon(connection: Connection, task: Task, _error: Any) -> None:
        connection.execute(insert(effects).values(task_id=task.id, what="abandoned"))
        if not cut:
            cut.append(1)
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            sql("SELECT pg_terminate_backend(:pid)", pid=pid)
            connection.exec_driver_sql("SELECT 1")

    sql("UPDATE example.tasks SET attempts = :most", most=log.attempts - 1)
    runner = TaskRunner(engine, log, {KIND: Handler(work, abandon=abandon)}, registry, pause=0.0)
    assert runner.run(task_id) is RunResult.DEAD
    assert cut
    assert sql.effects(task_id) == ["abandoned"]


def test_runs_are_written_by_the_example(sql: Any, runner: TaskRunner) -> None:
    """The tests above rely on it."""
    [task_id] = sql.accept({})
    runner.run(task_id)
    assert sql.do(lambda connection: connection.execute(runs.select())).rowcount == 1
