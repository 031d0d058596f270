"""The service on a real PostgreSQL, with its first catalogue."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.postgres import Postgres
from support.services import SERVICE_TOKEN, identity, migrated_template, postgres, serve, service_token

from eco2_character.application import create_app
from eco2_character.catalogue_file import Entry
from eco2_character.matching import Labels
from eco2_character.settings import Settings
from eco2_service.database import Database

__all__ = ["postgres"]

MakeSettings = Callable[..., Settings]
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the first catalogue."""
    with migrated_template(postgres, "eco2_character") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the first catalogue."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def sql(postgres: Postgres, database_url: str) -> Sql:
    """Runs a statement in that database."""
    name = database_url.rsplit("/", 1)[1]
    return lambda statement, *arguments: postgres.execute(statement, *arguments, database=name)


@pytest.fixture
def settings(database_url: str) -> MakeSettings:
    """Settings for that database; the catalogue's version is asked for at every request unless said otherwise."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "service_token": SecretStr(SERVICE_TOKEN),
            "catalogue_check_seconds": 0,
        }
        return Settings(**values | changes)

    return make


@pytest.fixture
async def database(settings: MakeSettings) -> AsyncIterator[Database]:
    """Connections to that database."""
    database = Database.from_settings(settings(), name="tests")
    yield database
    await database.close()


@pytest.fixture
async def peer(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """Another domain's client of the service."""
    async with serve(create_app(settings()), headers=service_token()) as client:
        yield client


@pytest.fixture
async def user(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client of the service."""
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        yield client


@pytest.fixture
def reward_request() -> Callable[..., dict[str, Any]]:
    """Makes the body of a request for a reward that earns `paper-pack`."""

    def make(request_id: str = "request-1", **changes: Any) -> dict[str, Any]:
        return {
            "request_id": request_id,
            "source": "scan",
            "user_id": "user-1",
            "task_id": "task-1",
            "classification": {
                "major_category": "재활용폐기물",
                "middle_category": "종이팩",
                "minor_category": "우유팩",
            },
            "situation_tags": ["내용물_없음"],
            "disposal_rules_present": True,
            "insufficiencies_present": False,
        } | changes

    return make


@pytest.fixture(scope="session")
def entry() -> Callable[..., Entry]:
    """Makes an entry of a catalogue file."""

    def make(code: str, *, is_default: bool = False, **changes: Any) -> Entry:
        values = {
            "name": "이름",
            "type": "종류",
            "dialog": "안녕",
            "description": None,
            "match": Labels("폐기물", code),
        }
        return Entry(code=code, is_default=is_default, **values | changes)

    return make
