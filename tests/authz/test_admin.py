"""Metrics and probes over HTTP."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.redis import free_port

from eco2_authz import admin
from eco2_authz.metrics.memory import Memory


class Pages:
    """What is served, and what is wrong at the moment."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.faults: list[str] = []
        self.refreshed = 0

    async def get(self, page: str) -> tuple[int, str, str]:
        """Status, content type and text."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self.address}{page}") as response:
            return response.status, response.headers.get("Content-Type", ""), await response.text()

    def refresh(self) -> None:
        self.refreshed += 1


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    pages = Pages(free_port())
    runner = await admin.serve(pages.address, memory=Memory(1), faults=lambda: pages.faults, refresh=pages.refresh)
    yield pages
    await runner.cleanup()


async def test_it_is_ready_when_nothing_is_wrong(pages: Pages) -> None:
    assert (await pages.get("/readyz"))[::2] == (200, "ok\n")
    pages.faults = ["no keys yet", "stopping"]
    assert (await pages.get("/readyz"))[::2] == (503, "no keys yet\nstopping\n")


async def test_it_is_alive_as_long_as_it_answers(pages: Pages) -> None:
    pages.faults = ["no keys yet"]
    assert (await pages.get("/healthz"))[::2] == (200, "ok\n")


async def test_metrics_are_refreshed_and_served(pages: Pages) -> None:
    status, content_type, text = await pages.get("/metrics")
    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'ext_authz_requests_total{reason="ok",result="allow"} 0.0' in text
    assert pages.refreshed == 1


async def test_nothing_else_is_served(pages: Pages) -> None:
    assert (await pages.get("/"))[0] == 404


async def test_an_address_that_is_taken_is_an_error(pages: Pages) -> None:
    with pytest.raises(OSError, match="in use"):
        await admin.serve(pages.address, memory=Memory(1), faults=list)


async def test_other_forms_of_an_address() -> None:
    for address in ("[::1]:0", ":0"):
        runner = await admin.serve(address, memory=Memory(1), faults=list)
        await runner.cleanup()
