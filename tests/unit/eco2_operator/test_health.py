"""When the process is alive, when it is ready, and what it serves over HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from eco2_operator.health import STUCK_SECONDS, Health, serve, watch_tasks


class World:
    """A queue, a controller and watch tasks to be examined."""

    def __init__(self) -> None:
        self.queue: Any = SimpleNamespace(oldest=0.0, depth=0)
        self.controller: Any = SimpleNamespace(missed={}, informed=True)
        self.watchers = ["watcher for pods", "watcher for services"]
        self.health = Health(self.queue, self.controller, lambda: self.watchers)


@pytest.fixture
def world() -> World:
    return World()


def test_a_process_whose_queue_moves_and_whose_watches_run_is_alive(world: World) -> None:
    world.queue.oldest = STUCK_SECONDS
    world.controller.missed = {"Pod": 1, "Service": 0}
    assert world.health.faults() == []
    assert world.health.faults() == []


def test_a_queue_that_does_not_move_is_a_fault_until_it_does(world: World) -> None:
    world.queue.oldest = STUCK_SECONDS + 1
    assert world.health.faults() == ["the queue has not moved for 121 s"]
    world.queue.oldest = 0.0
    assert world.health.faults() == []


def test_a_watch_that_misses_objects_in_two_resyncs_in_a_row_is_a_fault(world: World) -> None:
    world.controller.missed = {"Pod": 2, "Service": 1}
    assert world.health.faults() == ["the watch of Pod missed objects in 2 resyncs in a row"]


def test_a_watch_that_ran_and_has_ended_is_a_fault(world: World) -> None:
    world.health.faults()
    world.watchers = ["watcher for services"]
    assert world.health.faults() == ["watcher for pods has ended"]
    assert world.health.faults() == ["watcher for pods has ended"]
    world.watchers = ["watcher for pods", "watcher for services"]
    assert world.health.faults() == []


def test_all_faults_are_told(world: World) -> None:
    world.health.faults()
    world.queue.oldest, world.controller.missed, world.watchers = 500.0, {"Pod": 3}, []
    assert len(world.health.faults()) == 4


def test_without_a_watch_the_process_is_alive_but_not_ready(world: World) -> None:
    world.watchers = []
    assert world.health.faults() == []
    assert not world.health.ready
    world.watchers = ["watcher for pods"]
    assert world.health.ready


def test_before_everything_has_been_listed_it_is_not_ready(world: World) -> None:
    world.controller.informed = False
    assert world.health.faults() == []
    assert not world.health.ready


@asynccontextmanager
async def served(world: World, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    runner = await serve(world.health, world.queue, address)
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_living_process_answers_200_on_both_probes(world: World) -> None:
    async with served(world) as url:
        assert await fetch(f"{url}/healthz") == (200, "ok")
        assert await fetch(f"{url}/readyz") == (200, "ok")


async def test_a_process_that_starts_is_alive_but_not_ready_over_http(world: World) -> None:
    world.watchers = []
    async with served(world) as url:
        assert await fetch(f"{url}/healthz") == (200, "ok")
        assert await fetch(f"{url}/readyz") == (503, "starting")


async def test_a_process_with_faults_answers_503_with_their_text(world: World) -> None:
    world.queue.oldest = 500.0
    world.controller.missed = {"Pod": 2}
    async with served(world) as url:
        status, text = await fetch(f"{url}/healthz")
        assert status == 503
        assert text.splitlines() == [
            "the queue has not moved for 500 s",
            "the watch of Pod missed objects in 2 resyncs in a row",
        ]
        assert (await fetch(f"{url}/readyz"))[0] == 503


async def test_metrics_show_the_queue_as_it_is_now(world: World) -> None:
    world.queue.oldest, world.queue.depth = 12.5, 7
    async with served(world) as url:
        status, text = await fetch(f"{url}/metrics")
    assert status == 200
    lines = text.splitlines()
    assert "eco2_queue_depth 7.0" in lines
    assert "eco2_queue_oldest_seconds 12.5" in lines


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")


@pytest.mark.usefixtures("ipv6")
async def test_an_ipv6_address_is_served_and_logged_as_in_a_url(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        async with served(world, "[::1]:0") as url:
            assert (await fetch(f"{url}/healthz"))[0] == 200
    assert url.removeprefix("http://") in str(vars(caplog.records[0])["address"])


async def test_only_running_tasks_of_watches_count() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    async def at_once() -> None:
        return

    tasks = [
        asyncio.create_task(forever(), name="watcher for pods.v1"),
        asyncio.create_task(at_once(), name="watcher for services.v1"),
        asyncio.create_task(forever(), name="reconcile EcoDomain/shop/scan"),
    ]
    await asyncio.sleep(0)
    assert watch_tasks() == ["watcher for pods.v1"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
