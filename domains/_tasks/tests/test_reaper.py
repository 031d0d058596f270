"""Sending again what was lost."""

from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from eco2_service.database import Database
from eco2_tasks import reaper as reaper_module
from eco2_tasks.log import TaskLog
from eco2_tasks.reaper import Reaper


class Broker:
    """A dispatcher that takes so many messages and then no more."""

    def __init__(self, log: TaskLog, database: Database, *, takes: int = 1_000) -> None:
        self.sent: list[UUID] = []
        self.asked = 0
        self.takes = takes
        self._log = log
        self._database = database

    async def dispatch(self, task_id: UUID, attempts: int = 0) -> bool:
        self.asked += 1
        if len(self.sent) >= self.takes:
            return False
        self.sent.append(task_id)
        async with self._database.begin() as connection:
            await connection.run_sync(self._log.mark_dispatched, task_id, attempts)
        return True


@pytest.fixture
def broker(log: TaskLog, database: Database) -> Broker:
    return Broker(log, database)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def reaper(database: Database, log: TaskLog, broker: Broker, registry: CollectorRegistry) -> Reaper:
    return Reaper(database, log, broker, registry, keep_days=1.0)


async def test_what_was_not_dispatched_is_sent_once(
    reaper: Reaper, broker: Broker, sql: Any, registry: CollectorRegistry
) -> None:
    ids = sql.accept({}, {})
    assert not await reaper.run_once()
    assert broker.sent == [], "whoever accepted it may be about to send it"
    sql.passes(11.0)
    assert not await reaper.run_once()
    assert sorted(broker.sent) == sorted(ids)
    assert sql.states(*ids) == ["dispatched", "dispatched"]
    sql.passes(60.0)
    await reaper.run_once()
    assert len(broker.sent) == 2, "they wait in a queue"
    assert registry.get_sample_value("eco2_tasks_reaped_total") == 2


async def test_what_a_worker_left_is_sent_when_its_lease_is_over(
    reaper: Reaper, broker: Broker, sql: Any, log: TaskLog
) -> None:
    [task_id] = sql.accept({})
    assert sql.do(lambda connection: log.claim(connection, task_id))
    sql.passes(log.lease_seconds - 5.0)
    await reaper.run_once()
    assert broker.sent == []
    sql.passes(5.0)
    await reaper.run_once()
    assert broker.sent == [task_id]


async def test_a_broker_that_is_down_is_asked_once_a_round(reaper: Reaper, broker: Broker, sql: Any) -> None:
    ids = sql.accept(*[{}] * 20)
    broker.takes = 3
    sql.passes(11.0)
    assert not await reaper.run_once()
    assert (len(broker.sent), broker.asked) == (3, 4)
    assert not await reaper.run_once()
    assert broker.asked == 4, "those that were not sent wait too"
    sql.passes(11.0)
    broker.takes = 1_000
    await reaper.run_once()
    assert sorted(broker.sent) == sorted(ids)


async def test_a_full_batch_is_followed_by_another(
    reaper: Reaper, broker: Broker, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper_module, "BATCH", 4)
    ids = sql.accept(*[{}] * 6)
    sql.passes(11.0)
    assert await reaper.run_once()
    assert len(broker.sent) == 4
    assert not await reaper.run_once()
    assert sorted(broker.sent) == sorted(ids)


async def test_what_was_finished_long_ago_is_forgotten(reaper: Reaper, sql: Any) -> None:
    old, new = sql.accept({}, {})
    sql("UPDATE example.tasks SET state = 'done', finished_at = now() - interval '2 days' WHERE id = :id", id=old)
    sql("UPDATE example.tasks SET state = 'dead', finished_at = now() WHERE id = :id", id=new)
    assert not await reaper.run_once()
    assert sql("SELECT id FROM example.tasks") == [(new,)]
