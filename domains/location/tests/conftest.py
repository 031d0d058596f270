"""The service on a real PostgreSQL, and places to find."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.postgres import Postgres
from support.services import identity, migrated_template, postgres, serve

from eco2_location import loading
from eco2_location.application import create_app
from eco2_location.categories import Category
from eco2_location.models import NewPlace
from eco2_location.settings import Settings
from eco2_service.database import Database

__all__ = ["postgres"]

MakeSettings = Callable[..., Settings]
MakePlace = Callable[..., NewPlace]
Put = Callable[..., Awaitable[None]]
Sql = Callable[..., list[tuple[Any, ...]]]
CITIES = (
    (37.55, 126.98, 0.06, 50),  # Seoul
    (35.16, 129.06, 0.04, 12),  # Busan
    (35.87, 128.60, 0.03, 10),  # Daegu
    (36.35, 127.38, 0.03, 6),  # Daejeon
    (33.50, 126.53, 0.03, 3),  # Jeju
)
"""Latitude, longitude, spread in degrees, share."""


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema."""
    with migrated_template(postgres, "eco2_location") as name:
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
def settings(database_url: str) -> MakeSettings:
    """Makes settings for that database."""

    def make(**changes: Any) -> Settings:
        return Settings(**{"database_url": SecretStr(database_url)} | changes)

    return make


@pytest.fixture
async def database(settings: MakeSettings) -> AsyncIterator[Database]:
    """Connections to that database."""
    database = Database.from_settings(settings(), name="tests")
    yield database
    await database.close()


@pytest.fixture
async def client(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client: ``user-1``."""
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        yield client


@pytest.fixture(scope="session")
def place() -> MakePlace:
    """Makes a place as a file has it: a box for batteries, in the middle of Seoul unless said otherwise."""

    def make(external_id: str = "1", lat: float = 37.5665, lng: float = 126.978, **changes: Any) -> NewPlace:
        values: dict[str, Any] = {
            "category": Category.BATTERY,
            "name": f"수거함 {external_id}",
            "address": None,
            "detail": None,
            "phone": None,
            "hours": None,
        }
        return NewPlace(external_id=external_id, lat=lat, lng=lng, **values | changes)

    return make


async def write(database: Database, places: Iterable[NewPlace], source: str) -> None:
    async with database.begin() as connection:
        await loading.stage(connection, iter(places))
        await loading.apply(connection, source)


@pytest.fixture(scope="session")
def put() -> Put:
    """Makes places those of a source, wherever on Earth they are: a file's have to be in Korea."""

    async def put(database: Database, *places: NewPlace, source: str = "tests") -> None:
        await write(database, places, source)

    return put


@pytest.fixture(scope="session")
def korea(place: MakePlace) -> Callable[[int], list[NewPlace]]:
    """Makes so many places, most of them in Korea's cities, of all categories; the same ones each time."""

    def make(count: int) -> list[NewPlace]:
        chance = random.Random(9)  # noqa: S311 - the same each time
        categories = list(Category)
        places = []
        for number in range(count):
            if chance.random() < 0.15:
                point = chance.uniform(34, 38.3), chance.uniform(126.2, 129.4)
            else:
                (lat, lng, spread, _), *_ = chance.choices(CITIES, [share for *_, share in CITIES])
                point = chance.gauss(lat, spread), chance.gauss(lng, spread)
            places.append(place(str(number), *point, category=categories[number % len(categories)]))
        return places

    return make
