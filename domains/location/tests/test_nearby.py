"""The nearest places, beside what comes of going through all of them; with each index that a database may have."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from support.postgres import Postgres

from eco2_location import store
from eco2_location.categories import Category
from eco2_location.finders import BY_CATEGORY, Finder, choose
from eco2_location.geo import canonical, haversine
from eco2_location.hours_text import parse_hours
from eco2_location.models import Found, NewPlace
from eco2_location.moments import Moment, moment
from eco2_location.nearby import Nearby
from eco2_service.database import Database
from eco2_service.migrations import upgrade

MakePlace = Callable[..., NewPlace]
Put = Callable[..., Awaitable[None]]
EXTENSIONS = {"cells": None, "earthdistance": "earthdistance", "postgis": "postgis"}
"""By the name of the finder that is chosen: what the database has."""
SEOUL = 37.5665, 126.978
HALF_WAY = 20_020_000.0
"""Metres, a little more than to the other end of the Earth."""
NIGHT = parse_hours("Mo-Su 18:00-02:00")
MONDAY_NIGHT = moment(datetime(2026, 3, 9, 23, 0))


@pytest.fixture(scope="session", params=list(EXTENSIONS))
def spatial_url(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[str]:
    """A database with the schema, and with an extension that its owner has put there before."""
    extension = EXTENSIONS[request.param]
    if extension and not postgres.execute("SELECT FROM pg_available_extensions WHERE name = $1", extension):
        pytest.skip(f"this PostgreSQL has no {extension}")
    with postgres.database() as url:
        name = url.rsplit("/", 1)[1]
        if extension:
            postgres.execute("CREATE SCHEMA extensions", database=name)  # not where it is found by itself
            postgres.execute(f"CREATE EXTENSION {extension} SCHEMA extensions CASCADE", database=name)
        upgrade("eco2_location", url)
        yield url


@pytest.fixture
async def spatial(spatial_url: str) -> AsyncIterator[Database]:
    database = Database(spatial_url, name="tests", pool_size=2, timeout=30)
    yield database
    await database.close()


@pytest.fixture
async def finder(spatial: Database) -> Finder:
    async with spatial.read() as connection:
        return await choose(connection)


async def test_what_the_database_has_is_used(finder: Finder, request: pytest.FixtureRequest) -> None:
    assert finder.name in request.node.callspec.id


def world(place: MakePlace, seed: int) -> list[NewPlace]:
    """Places everywhere: clusters, the poles, both sides of the antimeridian, and several in one spot."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    edges = [
        SEOUL,
        (90, 0),
        (-90, 0),
        (89.9999, 77),
        (0, -180),
        (0, 179.9999),
        (-16.5, 179.99),
        (-16.5, -179.99),
        (0, 0),
    ]
    points = [canonical(chance.uniform(-90, 90), chance.uniform(-180, 180)) for _ in range(200)]
    for lat, lng in edges:
        points += [(lat, lng)] * 3
        for _ in range(20):
            close = chance.choice((1e-6, 1e-4, 0.01, 0.5))
            near = lat + chance.gauss(0, close), (lng + chance.gauss(0, close) + 540) % 360 - 180
            points.append(canonical(max(-90.0, min(90.0, near[0])), near[1]))
    return [
        place(f"{number}", lat, lng, category=chance.choice(list(Category)), hours=chance.choice((None, NIGHT)))
        for number, (lat, lng) in enumerate(points)
    ]


async def pages(nearby: Nearby, point: tuple[float, float], *, limit: int, **options: Any) -> list[Found]:
    """All pages, as a client asks for them."""
    found: list[Found] = []
    after: tuple[float, UUID] | None = None
    while True:
        page = await nearby.nearest(point, after=after, limit=limit, **options)
        found += page
        if len(page) < limit:
            return found
        after = page[-1].distance, page[-1].place.id


async def test_the_same_as_going_through_all_of_them(spatial: Database, place: MakePlace, put: Put) -> None:
    places = world(place, seed=1)
    await put(spatial, *places)
    nearby = Nearby(spatial)
    chance = random.Random(2)  # noqa: S311 - the same each time
    for _ in range(120):
        at = chance.choice(places)
        centre = (at.lat, at.lng)
        if chance.random() < 0.5:
            centre = (
                max(-90.0, min(90.0, at.lat + chance.gauss(0, 0.1))),
                (at.lng + chance.gauss(0, 0.1) + 540) % 360 - 180,
            )
        radius = chance.choice((1.0, 500.0, 20_000.0, 1_000_000.0, 10_000_000.0, HALF_WAY))
        wanted = chance.choice([(), (), (Category.LAMP,), (Category.LAMP, Category.CLOTHES)])
        open_at = [MONDAY_NIGHT] if chance.random() < 0.3 else []
        found = await pages(
            nearby, centre, radius=radius, categories=wanted, open_at=open_at, limit=chance.choice((3, 50, 1000))
        )
        expected = {
            one.external_id: haversine(*centre, one.lat, one.lng)
            for one in places
            if (not wanted or one.category in wanted) and (not open_at or one.hours)
        }
        names = [one.place.name.split()[1] for one in found]
        assert len(set(names)) == len(names)
        sure = {name for name, metres in expected.items() if metres < radius - 1e-3}
        maybe = {name for name, metres in expected.items() if metres < radius + 1e-3}
        assert sure <= set(names) <= maybe, (centre, radius)
        assert [one.distance for one in found] == pytest.approx([expected[name] for name in names], abs=0.2)
        keys = [(one.distance, one.place.id) for one in found]
        assert keys == sorted(keys)


async def test_whatever_finds_them_the_results_are_the_same(
    spatial: Database, finder: Finder, place: MakePlace, put: Put
) -> None:
    """The very same numbers: cursors go on when a database gets an extension, or loses it."""
    await put(spatial, *world(place, seed=3))
    options: dict[str, Any] = {"open_at": (), "after": None, "limit": 1000}
    async with spatial.read() as connection:
        for centre in (SEOUL, (89.99, 0.0), (-16.5, 180.0), (0.001, -179.999)):
            for radius in (300.0, 50_000.0, HALF_WAY):
                found = await store.within(connection, finder, centre, radius=radius, categories=(), **options)
                same = await store.within(
                    connection, BY_CATEGORY, centre, radius=radius, categories=list(Category), **options
                )
                assert found == same
                assert found or radius < 1000


async def test_distances_are_exact(database: Database, place: MakePlace, put: Put) -> None:
    await put(database, place("here", *SEOUL), place("there", 37.5759, 126.9769))
    here, there = await Nearby(database).nearest(SEOUL, radius=2000, limit=10)
    assert here.distance == 0
    assert there.distance == pytest.approx(haversine(*SEOUL, 37.5759, 126.9769), rel=1e-12)
    assert there.distance == pytest.approx(1050, abs=15)


async def test_the_radius_is_a_circle_not_a_box(database: Database, place: MakePlace, put: Put) -> None:
    await put(database, place("corner", SEOUL[0] + 0.0085, SEOUL[1] + 0.0108))
    assert await Nearby(database).nearest(SEOUL, radius=1000, limit=10) == []
    assert len(await Nearby(database).nearest(SEOUL, radius=1500, limit=10)) == 1


async def test_the_circle_grows_until_there_are_enough(
    database: Database, korea: Callable[[int], list[NewPlace]], put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, *korea(3000))
    asked: list[float] = []
    within = store.within

    async def counting(*arguments: Any, radius: float, **options: Any) -> list[Found]:
        asked.append(radius)
        return await within(*arguments, radius=radius, **options)

    monkeypatch.setattr(store, "within", counting)
    nearby = Nearby(database)
    assert len(await nearby.nearest(SEOUL, radius=50_000, limit=20)) == 20
    assert asked[0] == 400
    assert asked == sorted(asked)
    assert asked[-1] < 10_000, "a part of the radius is enough where there are many"
    assert len(asked) <= 4
    asked.clear()
    await nearby.nearest((37.0, 124.6), radius=30_000, limit=20)  # in the sea
    assert asked == [400, 3200, 25_600, 30_000]
    asked.clear()
    await nearby.nearest(SEOUL, radius=300, limit=5000)
    assert asked == [300]
    asked.clear()
    await nearby.nearest(SEOUL, radius=50_000, limit=2, after=(5000.0, UUID(int=0)))
    assert asked[0] == 7500, "what is nearer is known"


async def test_open_places_are_those_known_to_be_open(database: Database, place: MakePlace, put: Put) -> None:
    texts = {"night": "Mo-Su 18:00-02:00", "day": "Mo-Su 09:00-18:00", "always": "24/7", "unknown": None}
    places = [place(name, hours=text and parse_hours(text)) for name, text in texts.items()]
    await put(database, *places)

    async def open_at(*moments: Moment) -> set[str]:
        found = await Nearby(database).nearest(SEOUL, radius=100, open_at=moments, limit=10)
        return {one.place.name.split()[1] for one in found}

    monday = 0
    assert await open_at() == set(texts)
    assert await open_at(Moment(monday, 6, 12 * 60)) == {"day", "always"}
    assert await open_at(Moment(monday, 6, 60)) == {"night", "always"}
    assert await open_at(Moment(monday, 6, 2 * 60)) == {"always"}
    assert await open_at(Moment(7, monday, 60)) == {"night", "always"}
    assert await open_at(Moment(7, 7, 12 * 60)) == {"always"}
    assert await open_at(Moment(monday, 6, 60), Moment(monday, 6, 12 * 60)) == {"always"}


async def test_every_place_says_open_when_the_database_finds_it_open(
    database: Database, place: MakePlace, put: Put
) -> None:
    chance = random.Random(5)  # noqa: S311 - the same each time
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su", "PH")
    texts = [
        "; ".join(
            f"{day} {chance.randrange(24)}:{chance.randrange(10, 60)}-{chance.randrange(24)}:{chance.randrange(10, 60)}"
            for day in chance.sample(names, chance.randrange(1, 9))
        )
        for _ in range(60)
    ]
    await put(database, *(place(text, hours=parse_hours(text)) for text in texts))
    nearby = Nearby(database)
    for _ in range(40):
        at = Moment(chance.randrange(8), chance.randrange(8), chance.randrange(1440))
        found = await nearby.nearest(SEOUL, radius=10, open_at=[at], limit=100)
        everything = await nearby.nearest(SEOUL, radius=10, limit=100)
        is_open = {one.place.id for one in everything if one.place.hours and one.place.hours.is_open(at)}
        assert {one.place.id for one in found} == is_open


async def test_pages_stay_when_others_come_and_go(database: Database, place: MakePlace, put: Put) -> None:
    places = [place(str(number), SEOUL[0] + number // 3 * 1e-4, SEOUL[1]) for number in range(30)]  # three at each spot
    await put(database, *places)
    nearby = Nearby(database)
    everything = [one.place.id for one in await nearby.nearest(SEOUL, radius=5000, limit=100)]
    first = await nearby.nearest(SEOUL, radius=5000, limit=10)
    last = first[-1]
    keep = [one for one in places if one.external_id != last.place.name.split()[1]]
    await put(database, *keep, place("new", *SEOUL))  # the last one goes, and one comes before it
    after = (last.distance, last.place.id)
    rest = [one.place.id for one in await nearby.nearest(SEOUL, radius=5000, after=after, limit=100)]
    assert [one.place.id for one in first] + rest == everything
