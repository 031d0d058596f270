"""The program as a pod would run it: killed in the middle, ended in order, and with a worker behind RabbitMQ."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support import rabbitmq
from support.aio import becomes
from support.rabbitmq import RabbitMQ
from support.redis import Redis, free_port
from support.scan_peers import Peers
from support.services import SERVICE_TOKEN, identity
from support.waits import eventually

from eco2_model_server.testing import API_KEY, RunningModelServer

CLASSIFY = "/api/v1/scan/classify"
TASKS = "SELECT state, attempts FROM scan.tasks"
LEASE_IS_OVER = "UPDATE scan.tasks SET lease_until = now(), due_at = now()"
"""As after a while."""
PENDING = "SELECT count(*) FROM scan.rewards WHERE state = 'pending'"
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]


class Program:
    """One `eco2-scan` that runs."""

    def __init__(self, command: str, environ: dict[str, str], folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.metrics = f"http://127.0.0.1:{(metrics := free_port())}/metrics"
        self.log = folder / f"{command}-{port}.log"
        ports = {"LISTEN_HOST": "127.0.0.1", "LISTEN_PORT": str(port), "METRICS_PORT": str(metrics)}
        ports["WORKER_HEARTBEAT_FILE"] = str(folder / f"heartbeat-{port}")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "eco2_scan", command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environ | ports,
            )

    def is_ready(self) -> bool:
        """Whether the service can serve."""
        assert self.process.poll() is None, self.log.read_text()[-4000:]
        try:
            return httpx2.get(f"{self.url}/ready", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Have it end in order. Its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


Start = Callable[..., Program]


@pytest.fixture
def start(
    database_url: str, redis_server: Redis, peers: Peers, model_server: RunningModelServer, tmp_path: Path
) -> Iterator[Start]:
    """Starts programs."""
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url,
        "CHARACTER_SERVICE_TOKEN_SECRET": SERVICE_TOKEN,
        "IMAGE_URL": peers.image_url,
        "CHARACTER_URL": peers.character_url,
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": model_server.base_url,
        "OPENAI_ATTEMPTS": "1",
        "PIPELINE_CACHE_SECONDS": "0",
        "TASK_PAUSE_SECONDS": "0.1",
        "REAPER_SECONDS": "0.1",
        "REWARD_POLL_SECONDS": "0.1",
    }
    programs: list[Program] = []

    def start(command: str = "serve", **changes: str) -> Program:
        programs.append(program := Program(command, environ | changes, tmp_path))
        return program

    yield start
    model_server.release()
    for program in programs:
        if program.process.poll() is None:
            program.kill()


@asynccontextmanager
async def ready(program: Program) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client, once it serves."""
    await asyncio.to_thread(eventually, program.is_ready)
    async with httpx2.AsyncClient(
        base_url=program.url, headers=identity("user-1"), timeout=30, trust_env=False
    ) as client:
        yield client


@pytest.mark.parametrize("query", ["", "?async=true"], ids=["now", "later"])
async def test_a_task_whose_service_is_killed_is_done_by_another(
    start: Start, upload: Upload, sql: Sql, peers: Peers, model_server: RunningModelServer, query: str
) -> None:
    model_server.control(hang=True, times=None)
    one = start()
    async with ready(one) as client:
        request = asyncio.create_task(client.post(f"{CLASSIFY}{query}", json={"image_id": upload()}))
        await becomes(lambda: model_server.requests("openai"))
        one.kill()
        ((state, attempts),) = sql(TASKS)
        assert (state, attempts) == ("dispatched", 1)
        sql(LEASE_IS_OVER)
        await asyncio.gather(request, return_exceptions=True)
    model_server.release()
    async with ready(start()) as client:
        await asyncio.to_thread(eventually, lambda: sql(TASKS)[0][0] == "done" and sql(PENDING) == [(0,)])
        ((task_id, attempts),) = sql("SELECT id::text, attempts FROM scan.tasks")
        task = (await client.get(f"/api/v1/scan/task/{task_id}")).json()
    assert attempts == 2
    assert task["reward"]["state"] == "given"
    assert peers.given == [("user-1", task_id)]


async def test_a_reward_whose_service_is_killed_is_given_once(
    start: Start, upload: Upload, sql: Sql, peers: Peers
) -> None:
    peers.forgetful = True  # it gives, and whoever asked does not hear of it
    one = start()
    async with ready(one) as client:
        answer = await client.post(CLASSIFY, json={"image_id": upload()})
        assert answer.json()["reward"]["state"] == "pending"
        one.kill()
    assert sql(PENDING) == [(1,)]
    sql("UPDATE scan.rewards SET next_attempt_at = now()")
    peers.forgetful = False
    async with ready(start()):
        await asyncio.to_thread(eventually, lambda: sql(PENDING) == [(0,)])
    assert sql("SELECT state FROM scan.rewards") == [("given",)]
    assert peers.given == [("user-1", answer.json()["id"])]


async def test_a_request_under_way_is_answered_at_the_end(
    start: Start, upload: Upload, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    program = start()
    async with ready(program) as client:
        request = asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()}))
        await becomes(lambda: model_server.requests("openai"))
        program.process.send_signal(signal.SIGTERM)
        model_server.release()
        assert (await request).json()["state"] == "done"
    assert await asyncio.to_thread(program.stop) == 0


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A RabbitMQ."""
    with rabbitmq.running() as server:
        yield server


async def test_a_worker_does_what_the_service_accepts(
    start: Start, upload: Upload, sql: Sql, peers: Peers, broker: RabbitMQ
) -> None:
    names = {"CELERY_BROKER_URL": broker.url, "CELERY_POOL": "prefork", "CELERY_CONCURRENCY": "1"}
    worker, service = start("worker", **names), start(**names, REAPER_SECONDS="60")
    async with ready(service) as client:
        accepted = [await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload()}) for _ in range(3)]
        await asyncio.to_thread(
            eventually, lambda: [state for state, _ in sql(TASKS)] == ["done"] * 3 and sql(PENDING) == [(0,)]
        )
        assert sorted(request for _, request in peers.given) == sorted(answer.json()["id"] for answer in accepted)
        async with httpx2.AsyncClient(trust_env=False) as prometheus:
            counted = (await prometheus.get(worker.metrics)).text
        assert 'eco2_task_duration_seconds_count{kind="classify",result="done"} 3.0' in counted
        assert 'eco2_llm_requests_total{model="gpt-5.1",result="ok"} 6.0' in counted
        assert 'eco2_dependency_request_duration_seconds_count{dependency="image",result="ok"} 3.0' in counted
    assert await asyncio.to_thread(worker.stop) == 0
    assert await asyncio.to_thread(service.stop) == 0


async def test_a_message_whose_mark_cannot_be_written_is_accepted_all_the_same(
    start: Start, upload: Upload, sql: Sql, broker: RabbitMQ
) -> None:
    sql(
        "CREATE FUNCTION scan.fail_over() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$"
    )
    sql("CREATE TRIGGER fail_over BEFORE UPDATE ON scan.tasks FOR EACH ROW EXECUTE FUNCTION scan.fail_over()")
    program = start(CELERY_BROKER_URL=broker.url, REAPER_SECONDS="60")
    async with ready(program) as client:
        answer = await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload()})
    assert (answer.status_code, answer.json()["state"]) == (202, "accepted"), answer.text
    assert '"step":"dispatch"' in program.log.read_text()


async def test_without_a_worker_the_service_answers_who_waits(
    start: Start, upload: Upload, sql: Sql, broker: RabbitMQ
) -> None:
    async with ready(start(CELERY_BROKER_URL=broker.url)) as client:
        later = await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload()})
        now = await client.post(CLASSIFY, json={"image_id": upload()})
        assert (later.status_code, now.status_code) == (202, 200)
        task = (await client.get(later.headers["location"])).json()
        assert (task["state"], task["attempts"]) == ("dispatched", 0)
