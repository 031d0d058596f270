"""The service on a real PostgreSQL, with its first articles."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.postgres import Postgres
from support.services import identity, migrated_template, postgres, serve

from eco2_info.application import create_app
from eco2_info.entry import Entry
from eco2_info.settings import Settings
from eco2_service.database import Database

__all__ = ["postgres"]

MakeSettings = Callable[..., Settings]
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the first articles."""
    with migrated_template(postgres, "eco2_info") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the first articles."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def sql(postgres: Postgres, database_url: str) -> Sql:
    """Runs a statement in that database."""
    name = database_url.rsplit("/", 1)[1]
    return lambda statement, *arguments: postgres.execute(statement, *arguments, database=name)


@pytest.fixture
def settings(database_url: str) -> MakeSettings:
    """Settings for that database; the articles' version is asked for at every search unless said otherwise."""

    def make(**changes: Any) -> Settings:
        return Settings(**{"database_url": SecretStr(database_url), "index_check_seconds": 0} | changes)

    return make


@pytest.fixture
async def database(settings: MakeSettings) -> AsyncIterator[Database]:
    """Connections to that database."""
    database = Database.from_settings(settings(), name="tests")
    yield database
    await database.close()


@pytest.fixture
async def user(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client of the service."""
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        yield client


@pytest.fixture(scope="session")
def entry() -> Callable[..., Entry]:
    """Makes an entry of an articles file."""

    def make(name: str, **changes: Any) -> Entry:
        values = {
            "id": name,
            "title": "제목",
            "summary": "요약",
            "category": "기본",
            "tags": ["꼬리표"],
            "published_on": "2026-01-01",
            "sources": [{"document": "문서", "publisher": "기관"}],
            "body": "본문",
        }
        return Entry.model_validate(values | changes)

    return make
