"""With a broker: a real worker process takes uploads from a real RabbitMQ, with green threads as in production."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.aio import becomes
from support.rabbitmq import RabbitMQ, running
from support.s3 import S3
from support.services import identity, serve

from eco2_image.application import create_app
from eco2_image.settings import Settings

Sql = Callable[..., list[tuple[Any, ...]]]
READY = "SELECT count(*) FROM image.uploads WHERE state = 'ready'"


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    with running() as server:
        yield server


@pytest.fixture
def with_broker(settings: Callable[..., Settings], rabbitmq: RabbitMQ) -> Settings:
    url = SecretStr(rabbitmq.url)
    return settings(celery_broker_url=url, task_lease_seconds=5, task_pause_seconds=0.2, reaper_seconds=0.5)


@pytest.fixture
async def client(with_broker: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with serve(create_app(with_broker), headers=identity("user-1")) as client:
        yield client


async def test_a_worker_makes_images(
    client: httpx2.AsyncClient, with_broker: Settings, start: Any, s3: S3, sql: Sql, picture: Any, uploaded: Any
) -> None:
    worker = start("worker", with_broker)
    places = [await uploaded(client, picture("PNG", (300 + n, 200)), "image/png") for n in range(10)]
    places.append(await uploaded(client, b"no image"))
    for place in places:
        answer = await client.post(f"{place}/complete")
        assert answer.status_code in (200, 202, 409), answer.text
        if answer.status_code == 202:
            assert answer.headers["location"] == place
    await becomes(lambda: sql(READY) == [(10,)])
    await becomes(lambda: sql("SELECT reason FROM image.uploads WHERE state = 'rejected'") == [("type_not_allowed",)])
    for number, place in enumerate(places[:10]):
        answer = await client.post(f"{place}/complete")
        assert (answer.status_code, answer.json()["width"]) == (200, 300 + number)
    assert len(s3.keys("images/")) == 10
    metrics = httpx2.get(f"{worker.url}/metrics", trust_env=False).text
    assert 'eco2_image_uploads_total{result="ready"} 10.0' in metrics
    assert 'eco2_dependency_request_duration_seconds_count{dependency="s3",result="ok"} 21.0' in metrics
    assert await asyncio.to_thread(worker.stop) == 0


async def test_an_upload_survives_the_worker_that_was_at_it(
    client: httpx2.AsyncClient,
    with_broker: Settings,
    start: Any,
    accept: Callable[[str], None],
    s3: S3,
    sql: Sql,
    picture: Any,
    uploaded: Any,
) -> None:
    worker = start("worker", with_broker)
    places = [await uploaded(client, picture()) for _ in range(3)]
    begun = "SELECT count(*) FROM image.tasks WHERE attempts = 1 AND finished_at IS NULL"
    with s3.paused():
        for place in places:
            accept(place)
        await becomes(lambda: sql(begun) == [(3,)])  # at once: green threads wait for S3 together
        worker.kill()
    start("worker", with_broker)
    await becomes(lambda: sql(READY) == [(3,)])
    assert sql("SELECT DISTINCT attempts FROM image.tasks") == [(2,)]
    assert len(s3.keys("images/")) == 3


async def test_without_the_broker_an_upload_waits_in_the_log(
    with_broker: Settings, start: Any, rabbitmq: RabbitMQ, sql: Sql, picture: Any, uploaded: Any
) -> None:
    rabbitmq.kill()
    async with serve(create_app(with_broker), headers=identity("user-1")) as client:
        place = await uploaded(client, picture())
        answer = await client.post(f"{place}/complete")
        assert (answer.status_code, answer.json()["state"]) == (202, "processing")
        assert (await client.get("/ready")).status_code == 200
        assert sql("SELECT state FROM image.tasks") == [("accepted",)]
        await asyncio.to_thread(rabbitmq.start)
        start("worker", with_broker)
        await becomes(lambda: sql(READY) == [(1,)])
