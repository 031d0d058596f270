"""Fixtures: stores, keys and a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from redis.asyncio import Redis as Client
from support.auth import Clock, new_pem, settings
from support.auth_browser import Browser
from support.identity_provider import identity_provider_server, identity_providers
from support.postgres import Postgres
from support.redis import Redis
from support.services import migrated_template, postgres, redis_process, redis_server, serve

from eco2_auth.application import create_app
from eco2_auth.settings import Settings
from eco2_identity_provider.testing import RunningProviders
from eco2_service.database import Database
from eco2_service.redis_client import connect_redis

__all__ = ["identity_provider_server", "identity_providers", "postgres", "redis_process", "redis_server"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def pems() -> tuple[str, str, str]:
    """Three private keys, made once: that takes a while."""
    return new_pem(), new_pem(), new_pem()


@pytest.fixture
async def redis_client(redis_server: Redis) -> AsyncIterator[Client]:
    client = connect_redis(redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """A database with auth's tables."""
    with migrated_template(postgres, "eco2_auth") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """The URL of a database with auth's tables, and nothing in them."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, name="test", pool_size=5, timeout=10)
    yield database
    await database.close()


@pytest.fixture
def auth_settings(
    identity_providers: RunningProviders, database_url: str, redis_server: Redis, pems: tuple[str, str, str]
) -> Settings:
    return settings(identity_providers, database_url=database_url, redis_url=redis_server.url, jwt_signing_keys=pems[0])


@pytest.fixture
async def auth(auth_settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The service, running."""
    async with serve(create_app(auth_settings)) as client:
        yield client


@pytest.fixture
def browser(auth: httpx2.AsyncClient) -> Browser:
    return Browser(auth)
