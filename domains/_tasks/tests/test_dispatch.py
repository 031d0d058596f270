"""Having tasks done: by messages that are confirmed, and by threads of this process."""

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import amqp
import kombu
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.aio import becomes
from support.example_tasks import NAME, QUEUE, handlers
from support.rabbitmq import RabbitMQ
from support.waits import PATIENCE, eventually

from eco2_service.database import Database
from eco2_tasks.broker import BrokerDown, Publisher, dead_letter_queue, make_celery, task_name, work_queue
from eco2_tasks.dispatch import Busy, CeleryDispatcher, InlineDispatcher
from eco2_tasks.log import TaskLog
from eco2_tasks.runner import DatabaseDown, TaskRunner
from eco2_tasks.tasks import RunResult


@asynccontextmanager
async def dispatching(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, **changes: Any
) -> AsyncIterator[CeleryDispatcher]:
    settings = make_settings(celery_broker_url=SecretStr(broker.url), **changes)
    publisher = Publisher(NAME, QUEUE, settings)
    dispatcher = CeleryDispatcher(publisher, log, database, seconds=settings.dispatch_seconds)
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


async def becomes_dispatched(dispatcher: CeleryDispatcher, task_id: UUID) -> None:
    """Send a message to a broker that has just started: its queues are there a little later."""
    async with asyncio.timeout(PATIENCE):
        while not await dispatcher.dispatch(task_id):  # noqa: ASYNC110 - the broker is another process
            await asyncio.sleep(0.05)


async def test_a_message_is_the_id_and_nothing_else(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, sql: Any
) -> None:
    [task_id] = sql.accept({"text": "what a user said"})
    async with dispatching(broker, make_settings, log, database) as dispatcher:
        assert await dispatcher.dispatch(task_id)
    assert sql.states(task_id) == ["dispatched"]
    with broker.channel() as channel:
        message = channel.basic_get(QUEUE, no_ack=True)
    assert json.loads(message.body)[:2] == [[str(task_id)], {}]
    assert "what a user said" not in f"{message.body} {message.headers}"
    assert message.properties["content_type"] == "application/json"
    assert message.properties["delivery_mode"] == 2
    assert message.headers["task"] == task_name(NAME)


async def test_a_broker_that_is_down_leaves_the_task_accepted(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, sql: Any
) -> None:
    ids, known = sql.accept({}, {}, {}), sql.accept({})
    async with dispatching(broker, make_settings, log, database, dispatch_seconds=0.5) as dispatcher:
        await becomes_dispatched(dispatcher, known[0])
        broker.kill()
        try:
            with capture_logs() as lines:
                assert not await dispatcher.dispatch(ids[0])
                assert not await dispatcher.dispatch(ids[1])
            assert sql.states(*ids) == ["accepted"] * 3
            assert len(lines) == 1, "nobody asks it again so soon"
            assert "eco2:eco2" not in str(lines), "the address has a password"
        finally:
            broker.start()
        await becomes_dispatched(dispatcher, ids[2])
    assert sql.states(*ids) == ["accepted", "accepted", "dispatched"]


async def test_a_message_that_is_not_confirmed_was_not_sent(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, sql: Any
) -> None:
    before, task_id = sql.accept({}, {})
    async with dispatching(broker, make_settings, log, database, dispatch_seconds=0.3) as dispatcher:
        assert await dispatcher.dispatch(before)
        with broker.paused():
            assert not await dispatcher.dispatch(task_id)
            assert sql.states(task_id) == ["accepted"]


async def test_a_connection_that_the_broker_closed_is_made_anew(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, sql: Any
) -> None:
    ids = sql.accept({}, {})
    async with dispatching(broker, make_settings, log, database) as dispatcher:
        assert await dispatcher.dispatch(ids[0])
        sock = dispatcher._publisher._connection.connection.transport.sock  # type: ignore[union-attr]
        sock.shutdown(socket.SHUT_RDWR)
        assert await dispatcher.dispatch(ids[1])
    assert sql.states(*ids) == ["dispatched", "dispatched"]


async def test_a_queue_that_somebody_deleted_is_declared_again(
    broker: RabbitMQ, make_settings: Any, log: TaskLog, database: Database, sql: Any
) -> None:
    ids = sql.accept({}, {})
    async with dispatching(broker, make_settings, log, database) as dispatcher:
        assert await dispatcher.dispatch(ids[0])
        with broker.channel() as channel:
            channel.queue_delete(QUEUE)
        assert await dispatcher.dispatch(ids[1]), "a message without a queue would be confirmed and dropped"
    assert broker.depth(QUEUE) == 1


def test_queues_are_quorum_queues_with_a_place_for_the_dead(broker: RabbitMQ, publisher: Publisher) -> None:
    publisher.send(uuid4())
    assert work_queue(QUEUE).queue_arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 10,
        "x-dead-letter-exchange": f"{QUEUE}.dead",
    }
    # Declaring it otherwise is refused: it is as it was said.
    with broker.channel() as channel, pytest.raises(amqp.PreconditionFailed, match="inequivalent arg"):
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    with kombu.Connection(broker.url) as connection:
        dead_letter_queue(QUEUE)(connection.channel()).declare()
    with broker.channel() as channel:
        for _ in range(work_queue(QUEUE).queue_arguments["x-delivery-limit"] + 1):
            message = channel.basic_get(QUEUE)
            channel.basic_reject(message.delivery_tag, requeue=True)
    with broker.channel() as channel:
        message = eventually(lambda: channel.basic_get(dead_letter_queue(QUEUE).name, no_ack=True))
    assert message.headers["x-first-death-reason"] == "delivery_limit"


def test_celery_takes_no_pickle_and_keeps_no_results(make_settings: Any) -> None:
    app = make_celery(NAME, QUEUE, make_settings(celery_broker_url=SecretStr("amqp://nobody@nowhere//")))
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_there_is_no_celery_without_a_broker(make_settings: Any) -> None:
    with pytest.raises(ValueError, match="no broker"):
        make_celery(NAME, QUEUE, make_settings())


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # py-amqp's, of a connection that was refused
def test_what_the_broker_says_has_no_password(broker: RabbitMQ, make_settings: Any) -> None:
    wrong = broker.url.replace("eco2:eco2", "eco2:wrong-password")
    publisher = Publisher(NAME, QUEUE, make_settings(celery_broker_url=SecretStr(wrong)))
    with pytest.raises(BrokerDown) as caught:
        publisher.send(uuid4())
    assert "wrong-password" not in str(caught.value)
    del caught
    gc.collect()


@pytest.fixture
async def inline(engine: Engine, log: TaskLog) -> AsyncIterator[InlineDispatcher]:
    runner = TaskRunner(engine, log, handlers(engine), CollectorRegistry(), pause=0.0)
    dispatcher = InlineDispatcher(runner, threads=2)
    yield dispatcher
    await dispatcher.close()


async def test_threads_of_the_service_do_tasks(inline: InlineDispatcher, sql: Any) -> None:
    ids = sql.accept(*[{}] * 8)
    for task_id in ids:
        assert await inline.dispatch(task_id)
    await becomes(lambda: sql.states(*ids) == ["done"] * 8)
    assert sql.effects(*ids) == ["done"] * 8


async def test_a_task_may_be_waited_for(inline: InlineDispatcher, sql: Any, gate: Any) -> None:
    waiting, refused = sql.accept({"gate": str(gate)}, {"do": "refuse"})
    assert await inline.run(refused) is RunResult.FAILED
    first = asyncio.create_task(inline.run(waiting))
    second = asyncio.create_task(inline.run(waiting))
    await becomes(lambda: sql.runs(waiting) == 1)
    first.cancel()  # a client that goes away does not stop it, for those who wait with it
    gate.touch()
    assert await second is RunResult.DONE
    assert (sql.runs(waiting), sql.effects(waiting)) == (1, ["done"])


async def test_what_is_too_much_waits_in_the_log(inline: InlineDispatcher, sql: Any, gate: Any) -> None:
    ids = sql.accept(*[{"gate": str(gate)}] * 11)
    taken = [await inline.dispatch(task_id) for task_id in ids]
    assert taken == [True] * 10 + [False]
    assert await inline.dispatch(ids[0]), "it is under way, once"
    with pytest.raises(Busy):
        await inline.run(ids[10])
    gate.touch()
    await becomes(lambda: sql.states(*ids[:10]) == ["done"] * 10)
    assert await inline.dispatch(ids[10])
    await becomes(lambda: sql.states(ids[10]) == ["done"])


async def test_what_waits_for_a_thread_at_the_end_is_left_to_others(
    inline: InlineDispatcher, sql: Any, gate: Any
) -> None:
    ids = sql.accept(*[{"gate": str(gate)}] * 5)
    for task_id in ids:
        await inline.dispatch(task_id)
    await becomes(lambda: sql.runs(*ids) == 2)
    closing = asyncio.create_task(inline.close())
    await becomes(lambda: len(inline._under_way) == 2)
    gate.touch()
    await closing
    assert sorted(sql.states(*ids)) == ["accepted"] * 3 + ["done"] * 2


async def test_a_database_that_is_down_is_said_in_the_log(
    inline: InlineDispatcher, sql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    [task_id] = sql.accept({})

    def run(_task_id: object) -> RunResult:
        raise DatabaseDown

    monkeypatch.setattr(inline._runner, "run", run)
    with capture_logs() as lines:
        assert await inline.dispatch(task_id)
        await becomes(lambda: not inline._under_way)
    assert [line["event"] for line in lines] == ["task not run"]
    with pytest.raises(DatabaseDown):
        await inline.run(task_id)
