"""Fixtures: a Redis of the test's own, and the event loop the server runs on."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import uvloop
from support.redis import Redis, running


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis that may be broken."""
    with running() as server:
        yield server
