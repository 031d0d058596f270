"""Fixtures and helpers of the tests of domain services: real databases, real HTTP, the headers of the gateway.

A domain's ``conftest.py`` imports the fixtures it needs. Each worker process of pytest-xdist has servers of its own.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn

from eco2_service.migrations import upgrade
from support import postgres as postgresql
from support import redis as redis_server_module
from support.aio import becomes
from support.postgres import Postgres
from support.redis import Redis

SERVICE_TOKEN = "a-service-token-for-tests-0123456789"  # noqa: S105
"""What the domains of a test tell each other."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of the process. A test that breaks it starts its own with `running`."""
    with postgresql.running() as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a new, empty database."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def redis_process() -> Iterator[Redis]:
    """A Redis for all tests of the process."""
    with redis_server_module.running() as server:
        yield server


@pytest.fixture
def redis_server(redis_process: Redis) -> Redis:
    """A Redis without data. A test that breaks it starts its own with `running`."""
    redis_process.do("FLUSHALL")
    return redis_process


@contextmanager
def migrated_template(server: Postgres, package: str) -> Iterator[str]:
    """The name of a database at the newest revision of a domain, to be copied: `server.database(template=...)`.

    Copies take a twentieth of the time the migrations do.

    Args:
        package: the import name of the domain, such as ``eco2_my``.
    """

    with server.database() as url:
        upgrade(package, url)
        yield url.rsplit("/", 1)[1]


def identity(user_id: str, provider: str = "google") -> dict[str, str]:
    """The headers with which the gateway says who calls."""
    return {"x-user-id": user_id, "x-auth-provider": provider}


def service_token(token: str = SERVICE_TOKEN) -> dict[str, str]:
    """The header with which another domain calls an internal endpoint."""
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket on a free port of the loopback. Whoever serves on it may close it before the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        yield listener
    finally:
        listener.close()


@asynccontextmanager
async def serve(app: Any, *, headers: dict[str, str] | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """Run an ASGI application on a free port of the loopback, its lifespan included, and give a client of it.

    It runs in the event loop of the test and ends in order: requests under way are answered first.
    The client's ``base_url`` says where it is. It follows no redirects.

    Args:
        headers: what the client sends with each request, such as `identity(...)`.

    Raises AssertionError when its lifespan does not start; the log says why.
    """
    config = uvicorn.Config(app, lifespan="on", log_config=None, access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with listening() as listener:
        port: int = listener.getsockname()[1]
        try:
            # Not `serve()`: it takes the signal handlers of the process, and ends it when the lifespan fails.
            await server.startup([listener])
        except SystemExit:
            raise AssertionError("the application did not start; see the log") from None
        try:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
                yield client
        finally:
            await _end(server)


async def _end(server: uvicorn.Server) -> None:
    """What `Server.shutdown` does, without its pauses: they would be a third of the time of all tests."""
    for listener in server.servers:
        listener.close()
    under_way = server.server_state
    for connection in list(under_way.connections):
        connection.shutdown()
    try:
        await becomes(lambda: not under_way.connections and not under_way.tasks)
    finally:
        await server.lifespan.shutdown()
    assert not server.lifespan.should_exit, "the application did not end in order; see the log"
