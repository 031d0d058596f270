"""Transports work on both event loops: the standard one, and the one the server runs on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvloop

from eco2_authz.http2.limits import Limits
from eco2_authz.transports import fast
from eco2_authz.transports.fast import FastServer
from eco2_authz.transports.server import Answer, Options

Serve = Callable[..., Awaitable[FastServer]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server, which ends with the test."""
    servers: list[FastServer] = []

    async def start(answer: Answer = bytes, *, address: str = "127.0.0.1:0", **options: Any) -> FastServer:
        limits = Limits(**options.pop("limits", {}))
        answers = {"too_large": lambda: b"too large", "broken": lambda: b"broken"} | options
        server = await fast.serve(answer, Options(address=address, limits=limits, **answers))
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.drain(0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes fifty times as fast."""
    for name in ("_TICK", "_NOTICE", "_LINGER"):
        monkeypatch.setattr(fast, name, getattr(fast, name) / 50)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
