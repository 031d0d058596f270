"""The service on a real PostgreSQL, among other domains on real ports."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.other_domains import OtherDomains, other_domains
from support.postgres import Postgres
from support.services import SERVICE_TOKEN, identity, migrated_template, postgres, serve, service_token

from eco2_my.application import create_app
from eco2_my.settings import Settings

__all__ = ["postgres"]

MakeSettings = Callable[..., Settings]
Push = Callable[..., Any]
Sql = Callable[..., list[tuple[Any, ...]]]
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema."""
    with migrated_template(postgres, "eco2_my") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def sql(postgres: Postgres, database_url: str) -> Sql:
    """Runs a statement in that database."""
    name = database_url.rsplit("/", 1)[1]
    return lambda statement, *arguments: postgres.execute(statement, *arguments, database=name)


@pytest.fixture
async def domains() -> AsyncIterator[OtherDomains]:
    """The other domains."""
    async with other_domains() as domains:
        yield domains


@pytest.fixture
def make_settings(database_url: str) -> MakeSettings:
    """Settings for that database. Deletions are tried again soon."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "service_token": SecretStr(SERVICE_TOKEN),
            "auth_url": "http://127.0.0.1:1",
            "deletion_poll_seconds": 0.05,
            "deletion_pause_seconds": 0.01,
        }
        return Settings(**values | changes)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings, domains: OtherDomains) -> Settings:
    """Settings for that database and all other domains."""
    names = ("auth", "character", "chat", "scan", "image")
    return make_settings(**{f"{name}_url": domains.url(name) for name in names})


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client: ``user-1``, with google. The service runs with all other domains."""
    async with serve(create_app(settings), headers=identity("user-1")) as client:
        yield client


@pytest.fixture
def push(client: httpx2.AsyncClient) -> Push:
    """Tells the service of a user as auth does; by default of ``user-1`` with one account."""

    async def push(
        *accounts: dict[str, Any], user_id: str = "user-1", version: int = 1, client: httpx2.AsyncClient = client
    ) -> httpx2.Response:
        default = {
            "provider": "google",
            "email": "one@example.com",
            "nickname": "하나",
            "picture": "https://pictures.example/1.png",
            "last_login_at": "2026-01-02T03:04:05+00:00",
        }
        body = {"version": version, "accounts": [default | account for account in accounts or ({},)]}
        return await client.put(f"/api/v1/internal/users/{user_id}", json=body, headers=service_token())

    return push
