"""Workers as processes, in every pool, on a real RabbitMQ and a real PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import amqp
import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, func, select
from support.aio import becomes
from support.example_tasks import NAME, QUEUE, handlers, tasks
from support.rabbitmq import RabbitMQ
from support.redis import free_port
from support.waits import eventually
from support.worker_process import WorkerProcess, working

from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_tasks.broker import Publisher, dead_letter_queue, task_name
from eco2_tasks.service import open_tasks

AT_ONCE, LOCK = 3, 7
Start = Callable[..., list[WorkerProcess]]
POOLS = ["prefork", "threads", "gevent", "eventlet", "solo"]


@pytest.fixture
def environ(database_url: str, broker: RabbitMQ) -> dict[str, str]:
    """Settings of a worker."""
    return {
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker.url,
        "CELERY_CONCURRENCY": str(AT_ONCE),
        "LISTEN_HOST": "127.0.0.1",
        "DATABASE_TIMEOUT_SECONDS": "60",
        "TASK_PAUSE_SECONDS": "0.01",
    }


@pytest.fixture
def start(environ: dict[str, str], broker: RabbitMQ, tmp_path: Path, gate: Path) -> Iterator[Start]:
    """Starts workers with such changes of their settings; they end with the test."""
    with ExitStack() as stack:

        def start(count: int = 1, **changes: str) -> list[WorkerProcess]:
            started: AbstractContextManager[list[WorkerProcess]] = working(
                broker, QUEUE, "support.example_tasks", environ | changes, tmp_path, count=count
            )
            return stack.enter_context(started)

        try:
            yield start
        finally:
            gate.touch()


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_does_tasks_at_once_and_ends_in_order(
    pool: str, start: Start, publisher: Publisher, sql: Any, engine: Engine, tmp_path: Path
) -> None:
    port, at_once = free_port(), 1 if pool == "solo" else AT_ONCE
    [worker] = start(CELERY_POOL=pool, METRICS_PORT=str(port))

    ids = sql.accept(*[{"lock": LOCK}] * at_once)
    with engine.begin() as connection:  # they wait for PostgreSQL, and not one for the other
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        for task_id in ids:
            publisher.send(task_id)
        eventually(lambda: sql.runs(*ids) == at_once)
    eventually(lambda: sql.states(*ids) == ["done"] * at_once)

    twice = sql.accept(*[{}] * 20)
    for task_id in twice * 2:
        publisher.send(task_id)
    refused = sql.accept({"do": "refuse"})
    publisher.send(refused[0])
    eventually(lambda: sql.states(*twice, *refused) == ["done"] * 20 + ["failed"])
    assert sql.effects(*ids, *twice) == ["done"] * (at_once + 20)
    assert sql.runs(*ids, *twice) == at_once + 20

    answer = httpx2.get(f"http://127.0.0.1:{port}/metrics/status", trust_env=False).text
    assert f'eco2_task_duration_seconds_count{{kind="note",result="done"}} {at_once + 20}.0' in answer
    assert subprocess.run([sys.executable, "-m", "eco2_tasks.health"], env=worker.environ, check=False).returncode == 0

    last_gate = tmp_path / "last"
    [last] = sql.accept({"gate": str(last_gate)})
    publisher.send(last)
    eventually(lambda: sql.runs(last) == 1)
    worker.terminate()
    eventually(lambda: "Warm shutdown" in worker.said())
    assert worker.is_running()
    last_gate.touch()
    assert worker.wait() == 0
    assert sql.states(last) == ["done"]
    assert not worker.heartbeat.exists()
    assert "Traceback" not in worker.said()
    assert [json.loads(line)["event"] for line in worker.said().splitlines() if line.startswith("{")].count(
        "task"
    ) == at_once + 22


@pytest.mark.parametrize("pool", ["prefork", "gevent", "threads"])
def test_a_drain_has_a_limit(
    pool: str, start: Start, publisher: Publisher, broker: RabbitMQ, sql: Any, gate: Path
) -> None:
    [worker] = start(CELERY_POOL=pool, WORKER_DRAIN_SECONDS="0.5")
    [task_id] = sql.accept({"gate": str(gate)})
    publisher.send(task_id)
    eventually(lambda: sql.runs(task_id) == 1)
    processes = worker.tree()
    worker.terminate()
    assert worker.wait() == 1
    eventually(lambda: not any(process.is_running() and process.status() != "zombie" for process in processes))
    assert "tasks did not end in time" in worker.said()
    assert sql.states(task_id) == ["dispatched"]
    eventually(lambda: broker.depth(QUEUE) == 1)


def test_a_paused_worker_that_wakes_up_changes_nothing(
    start: Start, publisher: Publisher, sql: Any, gate: Path, log: Any
) -> None:
    [paused] = start(CELERY_POOL="prefork", CELERY_CONCURRENCY="1")  # or it would be sent the next message too
    [task_id] = sql.accept({"gate": str(gate)})
    publisher.send(task_id)
    eventually(lambda: sql.runs(task_id) == 1)
    with paused.paused():
        start(CELERY_POOL="threads")
        sql.passes(log.lease_seconds)
        publisher.send(task_id)
        eventually(lambda: sql.runs(task_id) == 2)
        gate.touch()
        eventually(lambda: sql.states(task_id) == ["done"])
        before = sql.row(task_id)
    eventually(lambda: '"result":"lost"' in paused.said())
    assert sql.row(task_id) == before
    assert sql.effects(task_id) == ["done"]


async def test_a_task_that_kills_its_worker_is_dead_and_stops_nobody(
    start: Start, make_settings: Any, engine: Any, database: Database, sql: Any, broker: RabbitMQ
) -> None:
    lease = {"task_lease_seconds": 1.0, "task_attempts": 3}
    [worker] = start(CELERY_POOL="prefork", **{name.upper(): str(value) for name, value in lease.items()})
    settings = make_settings(celery_broker_url=SecretStr(broker.url), **lease)
    arguments: dict[str, Any] = {"name": NAME, "queue": QUEUE, "table": tasks, "handlers": handlers(engine)}
    metrics = Metrics(name=NAME, version="1")
    async with open_tasks(settings, database=database, metrics=metrics, **arguments) as opened:
        [poison, *others] = sql.accept({"do": "kill"}, *[{}] * 10)
        for task_id in (poison, *others):
            assert await opened.dispatch(task_id)
        await becomes(lambda: sql.states(*others) == ["done"] * 10)
        await becomes(lambda: sql.states(poison) == ["dead"])
        dead = ("eco2_tasks", {"state": "dead"})
        await becomes(lambda: metrics.registry.get_sample_value(*dead) == 1)
    assert sql.row(poison)["error"]["reason"] == "attempts-exhausted"
    assert sql.runs(poison) == 3
    assert sql.effects(poison) == ["attempts-exhausted"]
    assert worker.is_running()
    assert "task is dead" in worker.said()


@pytest.mark.parametrize("pool", ["prefork", "eventlet"])
def test_a_worker_comes_back_to_a_broker_that_restarts(
    pool: str, start: Start, publisher: Publisher, broker: RabbitMQ, sql: Any, gate: Path
) -> None:
    [worker] = start(CELERY_POOL=pool)
    [running, waiting] = sql.accept({"gate": str(gate)}, {})
    publisher.send(running)
    eventually(lambda: sql.runs(running) == 1)
    broker.kill()
    gate.touch()
    eventually(lambda: sql.states(running) == ["done"])
    health = [sys.executable, "-m", "eco2_tasks.health"]
    assert subprocess.run(health, env=worker.environ, check=False).returncode == 0
    broker.start()
    eventually(lambda: broker.consumers(QUEUE) == 1)
    publisher.send(waiting)
    eventually(lambda: sql.states(waiting) == ["done"])
    assert (sql.runs(running, waiting), sql.effects(running, waiting)) == (2, ["done", "done"])
    assert worker.stop() == 0


def test_messages_that_are_none_of_ours_are_kept_apart(
    start: Start, publisher: Publisher, broker: RabbitMQ, sql: Any
) -> None:
    start(CELERY_POOL="threads")
    headers = {"task": task_name(NAME), "id": str(uuid4())}
    as_json = {"content_type": "application/json", "content_encoding": "utf-8"}
    strange = [
        amqp.Message(json.dumps([["no id"], {}, {}]), application_headers=headers, **as_json),
        amqp.Message(json.dumps([[7], {}, {}]), application_headers=headers, **as_json),
        amqp.Message(json.dumps([[str(uuid4())], {}, {}]), application_headers=headers | {"task": "other"}, **as_json),
        amqp.Message(b"\x80\x05N.", application_headers=headers, content_type="application/x-python-serialize"),
        amqp.Message("hello", content_type="text/plain"),
    ]
    with broker.channel() as channel:
        for message in strange:
            channel.basic_publish(message, routing_key=QUEUE)
    eventually(lambda: broker.depth(dead_letter_queue(QUEUE).name) == len(strange))
    [task_id] = sql.accept({})
    publisher.send(task_id)
    publisher.send(uuid4())  # one that the log does not have: its user was deleted
    eventually(lambda: sql.states(task_id) == ["done"])
    eventually(lambda: broker.depth(QUEUE) == 0)
    assert broker.depth(dead_letter_queue(QUEUE).name) == len(strange)
