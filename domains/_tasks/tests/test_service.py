"""What a service opens, with a broker and without."""

from typing import Any

from pydantic import SecretStr
from support.aio import becomes
from support.example_tasks import NAME, QUEUE, handlers, note, tasks
from support.rabbitmq import RabbitMQ

from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_tasks.dispatch import CeleryDispatcher, InlineDispatcher
from eco2_tasks.service import open_tasks
from eco2_tasks.tasks import RunResult


def arguments(engine: Any, database: Database, metrics: Metrics) -> dict[str, Any]:
    return {
        "name": NAME,
        "queue": QUEUE,
        "table": tasks,
        "database": database,
        "metrics": metrics,
        "handlers": handlers(engine),
    }


async def test_without_a_broker_the_service_does_tasks(
    make_settings: Any, engine: Any, database: Database, sql: Any
) -> None:
    metrics = Metrics(name=NAME, version="1")
    async with open_tasks(make_settings(task_attempts=3), **arguments(engine, database, metrics)) as opened:
        assert isinstance(opened.dispatcher, InlineDispatcher)
        async with database.begin() as connection:
            task_id = await connection.run_sync(opened.log.accept, **note(text="x"))
        assert await opened.dispatch(task_id)
        await becomes(lambda: sql.states(task_id) == ["done"])
        [waited] = sql.accept({})
        assert await opened.run_here(waited) is RunResult.DONE
        # Left by one that is gone, and given back: nobody but the reaper sends these.
        left, back = sql.accept({}, {"do": "later"})
        sql("UPDATE example.tasks SET due_at = now() WHERE id = :id", id=left)
        await opened.dispatch(back)
        await becomes(lambda: sql.states(left, back) == ["done", "dead"])
        assert sql.row(back)["attempts"] == 3

        def counted(state: str) -> float | None:
            return metrics.registry.get_sample_value("eco2_tasks", {"state": state})

        await becomes(lambda: (counted("done"), counted("dead"), counted("accepted")) == (3, 1, 0))
    assert sql.effects(task_id, waited, left, back) == ["done", "done", "done", "model-busy"]


async def test_with_a_broker_workers_do(
    make_settings: Any, engine: Any, database: Database, sql: Any, broker: RabbitMQ
) -> None:
    settings = make_settings(celery_broker_url=SecretStr(broker.url))
    metrics = Metrics(name=NAME, version="1")
    async with open_tasks(settings, **arguments(engine, database, metrics)) as opened:
        assert isinstance(opened.dispatcher, CeleryDispatcher)
        sent, here = sql.accept({}, {})
        assert await opened.dispatch(sent)
        assert await opened.run_here(here) is RunResult.DONE
        assert sql.states(sent, here) == ["dispatched", "done"]
    assert broker.depth(QUEUE) == 1


async def test_what_is_accepted_while_the_broker_is_down_is_sent_when_it_is_back(
    make_settings: Any, engine: Any, database: Database, sql: Any, broker: RabbitMQ
) -> None:
    settings = make_settings(celery_broker_url=SecretStr(broker.url), dispatch_seconds=0.2)
    metrics = Metrics(name=NAME, version="1")
    async with open_tasks(settings, **arguments(engine, database, metrics)) as opened:
        broker.kill()
        try:
            ids = sql.accept(*[{}] * 5)
            assert [await opened.dispatch(task_id) for task_id in ids] == [False] * 5
            assert sql.states(*ids) == ["accepted"] * 5
        finally:
            broker.start()
        await becomes(lambda: sql.states(*ids) == ["dispatched"] * 5)
    assert broker.depth(QUEUE) >= 5
