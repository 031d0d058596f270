"""The parts of a worker's process that its processes show badly."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery.exceptions import Reject
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import SecretStr
from support.example_tasks import NAME, QUEUE, WORKER

from eco2_tasks import heartbeat as heartbeat_module
from eco2_tasks import process
from eco2_tasks.broker import make_celery, task_name
from eco2_tasks.heartbeat import Heartbeat
from eco2_tasks.process import Consumer, Working
from eco2_tasks.runner import DatabaseDown


@pytest.fixture
def working(make_settings: Any) -> Iterator[Working]:
    working = Working(WORKER, make_settings(celery_broker_url=SecretStr("amqp://u:p@127.0.0.1:1//")))
    yield working
    working.close()


def run_task(working: Working, make_settings: Any) -> Any:
    app = make_celery(NAME, QUEUE, make_settings(celery_broker_url=SecretStr("amqp://u:p@127.0.0.1:1//")))
    process._add_task(app, WORKER, working)
    return app.tasks[task_name(NAME)].run


def test_a_process_opens_what_it_needs_once(working: Working, make_settings: Any, sql: Any) -> None:
    ids = sql.accept({}, {})
    runner = working.runner()
    for task_id in ids:
        run_task(working, make_settings)(str(task_id))
    assert working.runner() is runner
    assert sql.states(*ids) == ["done", "done"]


@pytest.mark.parametrize("task_id", ["no id", "", None, 7, ["x"]])
def test_a_message_without_an_id_does_not_come_back(working: Working, make_settings: Any, task_id: Any) -> None:
    with pytest.raises(Reject) as caught:
        run_task(working, make_settings)(task_id)
    assert not caught.value.requeue


def test_a_message_comes_back_when_the_database_is_down(
    working: Working, make_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_task_id: object) -> None:
        raise DatabaseDown

    monkeypatch.setattr(working.runner(), "run", run)
    with pytest.raises(Reject) as caught:
        run_task(working, make_settings)(str(uuid4()))
    assert caught.value.requeue


def test_celery_declares_no_queues_for_delays() -> None:
    names = [step.rsplit(":", 1)[1] for step in Consumer.Blueprint.default_steps]
    assert "DelayedDelivery" not in names
    assert {"Connection", "Tasks", "Evloop"} <= set(names)


def test_children_of_a_prefork_pool_add_up(working: Working, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert process._registry("threads", working) is working.metrics.registry
    together = process._registry("prefork", working)
    assert isinstance(together, CollectorRegistry)
    assert [type(collector) for collector in together._collector_to_names] == [MultiProcessCollector]


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(heartbeat_module, "time", clock)
    return clock


def test_a_loop_that_is_stuck_has_no_heartbeat(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "heartbeat"

    def beats() -> bool:
        file.touch()
        os.utime(file, (0, 0))
        heartbeat.beat()
        return file.stat().st_mtime > 0

    heartbeat = Heartbeat(file, silence=30.0, leave=lambda: None)
    assert beats(), "it waits for the broker"
    heartbeat.turn()
    clock.now += 29.0
    assert beats()
    clock.now += 2.0
    assert not beats(), "the loop is stuck"
    heartbeat.turn()
    assert beats()
    clock.now += 1000.0
    heartbeat.rest()
    assert beats(), "it waits for the broker again"


def test_a_drain_ends(tmp_path: Path, clock: Clock) -> None:
    left: list[float] = []
    heartbeat = Heartbeat(tmp_path / "heartbeat", silence=30.0, leave=lambda: left.append(clock.now))
    heartbeat.beat()
    heartbeat.drain(60.0)
    clock.now += 59.0
    heartbeat.beat()
    assert left == []
    clock.now += 2.0
    heartbeat.beat()
    assert left == [clock.now]


def test_leaving_ends_the_children_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Child:
        def __init__(self, pid: int | None) -> None:
            self.pid = pid

    done: list[Any] = []
    monkeypatch.setattr(process, "active_children", lambda: [Child(11), Child(None), Child(12)])
    monkeypatch.setattr(os, "kill", lambda *arguments: done.append(arguments))
    monkeypatch.setattr(os, "_exit", done.append)
    process._leave()
    assert done == [(11, 9), (12, 9), 1]
