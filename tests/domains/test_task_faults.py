"""Whatever is killed, no task is lost and none is rewarded twice: eco2-scan, its workers and RabbitMQ, as processes.

Photos are classified by two workers while one of them, the broker, and the service are killed, one after the other,
each when the log shows that it strikes tasks in the middle. What is compared at the end is the write-ahead log, what
clients were promised, and what character gave. `part`: requests around each kill.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.model_server import model_process, model_server
from support.postgres import Postgres
from support.rabbitmq import RabbitMQ
from support.rabbitmq import running as rabbitmq_running
from support.redis import Redis, free_port
from support.scan_peers import Peers, scan_peers
from support.services import (
    SERVICE_TOKEN,
    identity,
    migrated_template,
    postgres,
    redis_process,
    redis_server,
)
from support.worker_process import WorkerProcess, working

from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer

__all__ = ["model_process", "model_server", "postgres", "redis_process", "redis_server"]

MODULE, QUEUE = "eco2_scan", "ai"
LEASE_SECONDS = 12
"""Longer than a task may take, which is eleven seconds with these settings."""
PROCESSES = 2
"""Of each worker: it has so many tasks at once."""
CLIENTS = 8
LOOKS = 10
PATIENCE = 240.0
MODEL_SECONDS = 0.05
"""Of each answer: workers are slower than clients, and have something in their hands at every moment."""


class Scan:
    """The service, its log, and what it was asked for.

    Attributes:
        promised: the tasks that were answered with 202.
    """

    def __init__(self, server: Postgres, database: str, process: WorkerProcess, url: str) -> None:
        self._server = server
        self._database = database
        self.process = process
        self.url = url
        self.promised: set[str] = set()

    async def sql(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows of the database, without holding up the event loop."""
        return await asyncio.to_thread(self._server.execute, statement, *arguments, database=self._database)

    async def start(self) -> None:
        """Start the service, and wait until it is ready."""
        self.process.start()
        await until(self._is_ready)

    async def _is_ready(self) -> bool:
        if not self.process.is_running():
            raise RuntimeError(f"the service ended: {self.process.said()[-4000:]}")
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
            try:
                return (await client.get(f"{self.url}/ready")).status_code == 200
            except httpx2.TransportError:
                return False

    async def ask(self, requests: Iterator[int], image_id: str) -> None:
        """A client: ask for classifications, again and again until each is promised."""
        async with httpx2.AsyncClient(
            base_url=self.url, headers=identity("user-1"), timeout=10, trust_env=False
        ) as client:
            for _ in requests:
                await until(lambda: self._asked(client, image_id))

    async def _asked(self, client: httpx2.AsyncClient, image_id: str) -> bool:
        try:
            answer = await client.post("/api/v1/scan/classify?async=true", json={"image_id": image_id})
        except httpx2.TransportError:  # it is being killed; what came of the request is in the log
            return False
        if answer.status_code != 202:
            assert answer.status_code == 503, answer.text
            return False
        self.promised.add(answer.headers["location"].rsplit("/", 1)[1])
        return True


async def until(check: Callable[[], Any], *, within: float = PATIENCE) -> None:
    """Repeat an asynchronous check until it is true."""
    async with asyncio.timeout(within):
        while not await check():  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with scan's schema."""
    with migrated_template(postgres, MODULE) as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def broker() -> Iterator[RabbitMQ]:
    """A RabbitMQ of the test's own."""
    with rabbitmq_running() as broker:
        yield broker


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    """The domain image, and a character that counts."""
    async with scan_peers() as peers:
        yield peers


@pytest.fixture
def environ(
    database_url: str, redis_server: Redis, broker: RabbitMQ, peers: Peers, model_server: RunningModelServer
) -> dict[str, str]:
    """Settings of the service and of its workers."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "CELERY_BROKER_URL": broker.url,
        "CELERY_POOL": "prefork",
        "CELERY_CONCURRENCY": str(PROCESSES),
        "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
        "IMAGE_URL": peers.image_url,
        "CHARACTER_URL": peers.character_url,
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": model_server.base_url,
        "PIPELINE_CACHE_SECONDS": "0",
        "PIPELINE_TIMEOUT_SECONDS": "10",
        "IMAGE_SECONDS": "1",
        "SCANS_PER_DAY": "1000000",
        "TASK_LEASE_SECONDS": str(LEASE_SECONDS),
        "TASK_ATTEMPTS": "20",
        "TASK_PAUSE_SECONDS": "0.2",
        "TASK_LOST_SECONDS": "30",
        "REAPER_SECONDS": "0.5",
        "REWARD_POLL_SECONDS": "0.2",
        "DISPATCH_SECONDS": "1",
        "LISTEN_HOST": "127.0.0.1",
    }


@asynccontextmanager
async def scanning(
    server: Postgres, environ: dict[str, str], broker: RabbitMQ, folder: Path
) -> AsyncIterator[tuple[Scan, list[WorkerProcess]]]:
    """The service and two workers, all taking work."""
    port = free_port()
    process = WorkerProcess(MODULE, environ | {"LISTEN_PORT": str(port)}, folder, command="serve")
    database = environ["DATABASE_URL"].rsplit("/", 1)[1]
    scan = Scan(server, database, process, f"http://127.0.0.1:{port}")
    workers = working(broker, QUEUE, MODULE, environ, folder, count=2)
    try:
        started = await asyncio.to_thread(workers.__enter__)
        try:
            await scan.start()
            yield scan, started
        finally:
            await asyncio.to_thread(workers.__exit__, None, None, None)
    finally:
        await asyncio.to_thread(process.end)


@pytest.mark.parametrize("part", [20, pytest.param(170, marks=pytest.mark.slow)])
async def test_no_task_is_lost_and_none_is_rewarded_twice(
    part: int,
    postgres: Postgres,
    environ: dict[str, str],
    broker: RabbitMQ,
    peers: Peers,
    model_server: RunningModelServer,
    tmp_path: Path,
) -> None:
    image_id = peers.upload(picture("drink-can"), content_type="image/jpeg")
    async with scanning(postgres, environ, broker, tmp_path) as (scan, workers):
        for kill, restart in (
            (workers[0].kill, workers[0].start),
            (broker.kill, broker.start),
            (scan.process.kill, scan.process.start),
        ):
            answer_slowly(model_server)
            wanted = len(scan.promised) + part // 2
            requests = iter(range(part))
            clients = asyncio.gather(*(scan.ask(requests, image_id) for _ in range(CLIENTS)))
            await until(partial(has_accepted, scan, wanted))
            # No worker has more than half of what both have: some of it is that of the one that is killed.
            assert len(await strike(kill, scan, model_server)) > PROCESSES
            await asyncio.to_thread(restart)
            await clients
        await until(lambda: is_over(scan))
        await until(lambda: no_reward_waits(scan))
        await compare(scan, peers, 3 * part)


def answer_slowly(model_server: RunningModelServer) -> None:
    """Let the model answer, so that workers are slower than clients and a queue builds up."""
    model_server.release()
    model_server.control(slow_seconds_per_event=MODEL_SECONDS, times=None)


async def strike(kill: Callable[[], None], scan: Scan, model_server: RunningModelServer) -> set[str]:
    """Kill something in the middle of tasks, and return which: dispatched, begun and unfinished, before and after.

    The model does not answer while that is looked at, so that none ends in between.
    """
    model_server.release()
    model_server.control(hang=True, times=None)
    held = (
        "SELECT id::text FROM scan.tasks WHERE state = 'dispatched' AND finished_at IS NULL"
        " AND lease_token IS NOT NULL AND lease_until > now()"
    )
    looks: list[set[str]] = []

    async def is_held() -> bool:
        """Whether both workers have their hands full, of the same tasks for a while: of those none is nearly done."""
        looks.append({task_id for (task_id,) in await scan.sql(held)})
        return len(looks[-1]) == 2 * PROCESSES and looks[-LOOKS:] == [looks[-1]] * LOOKS

    try:
        await until(is_held)
        await asyncio.to_thread(kill)
        return looks[-1] & {task_id for (task_id,) in await scan.sql(held)}
    finally:
        answer_slowly(model_server)


async def has_accepted(scan: Scan, number: int) -> bool:
    """Whether the log has so many tasks."""
    [(found,)] = await scan.sql("SELECT count(*) FROM scan.tasks")
    return bool(found >= number)


async def is_over(scan: Scan) -> bool:
    """Whether the log has nothing that is not finished."""
    return await scan.sql("SELECT 1 FROM scan.tasks WHERE finished_at IS NULL LIMIT 1") == []


async def no_reward_waits(scan: Scan) -> bool:
    """Whether character has answered for all."""
    return await scan.sql("SELECT 1 FROM scan.rewards WHERE state = 'pending' LIMIT 1") == []


async def compare(scan: Scan, peers: Peers, tasks: int) -> None:
    """The log, the promises and the gifts agree."""
    log = {str(task_id): state for task_id, state in await scan.sql("SELECT id, state FROM scan.tasks")}
    assert Counter(log.values()) == {"done": len(log)}
    assert len(scan.promised) == tasks
    assert scan.promised <= log.keys(), "what was promised is in the log"
    rewards = [str(task_id) for (task_id,) in await scan.sql("SELECT task_id FROM scan.rewards WHERE state = 'given'")]
    assert Counter(rewards) == dict.fromkeys(log, 1)
    given = Counter(request_id for _, request_id in peers.given)
    assert given == dict.fromkeys(log, 1), "none without a reward, and none with two"
    assert {str(uuid.UUID(request_id)) for request_id in given} == log.keys()
