"""`python tests/bench/domains/location.py`: the nearest of 100,000 places, by every index that PostgreSQL has here.

First the database alone: our statements beside one that goes through the whole table, and beside the nearest-neighbour
search of earthdistance's cube and of PostGIS, where they are there. Then the service, over HTTP, with one client: one
process on one core; PostgreSQL and the client have the other. What is to be compared is within one run. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import click
import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests/, for support

from eco2_domains_bench.servers import OTHER_CORE, USER, serving
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from support import postgres
from support.postgres import Postgres

from eco2_location import loading
from eco2_location.categories import Category
from eco2_location.finders import DISTANCE
from eco2_location.hours_text import parse_hours
from eco2_location.models import NewPlace
from eco2_location.moments import moment
from eco2_location.nearby import Nearby
from eco2_service.database import Database
from eco2_service.migrations import upgrade

IDENTITY: Final = {"x-user-id": USER, "x-auth-provider": "google"}
AIM_MS: Final = 20.0
LIMIT: Final = 51
EXTENSIONS: Final = {"cells": "", "earthdistance": "earthdistance", "PostGIS": "postgis"}
CITIES: Final = (
    (37.55, 126.98, 0.06, 50),
    (37.45, 126.70, 0.04, 8),
    (35.16, 129.06, 0.04, 12),
    (35.87, 128.60, 0.03, 10),
    (36.35, 127.38, 0.03, 6),
    (35.16, 126.85, 0.03, 6),
    (33.50, 126.53, 0.03, 3),
)
"""Latitude, longitude, spread in degrees, share: Seoul, Incheon, Busan, Daegu, Daejeon, Gwangju, Jeju."""
_WHOLE_TABLE: Final = text(
    f"SELECT * FROM (SELECT *, {DISTANCE} AS distance FROM location.places) AS found"  # noqa: S608 - all ours
    " WHERE distance <= :radius ORDER BY distance, id LIMIT 51"
)
_SORTED: Final = (
    "SELECT * FROM (SELECT *, {distance} AS distance FROM location.places ORDER BY {order}"
    " FETCH FIRST 51 ROWS WITH TIES) AS found WHERE distance <= :radius ORDER BY distance, id LIMIT 51"
)
_NEIGHBOURS: Final = {
    "earthdistance": "cube(ARRAY[cos(radians(lat)) * cos(radians(lng)), cos(radians(lat)) * sin(radians(lng)),"
    " sin(radians(lat))]) <-> cube(ARRAY[cos(radians(:lat)) * cos(radians(:lng)), cos(radians(:lat))"
    " * sin(radians(:lng)), sin(radians(:lat))])",
    "PostGIS": "geography(ST_SetSRID(ST_MakePoint(lng, lat), 4326)) <->"
    " geography(ST_SetSRID(ST_MakePoint(:lng, :lat), 4326))",
}
"""What their indexes can sort by."""

Point = tuple[float, float]
Ask = Callable[[Point, "Scenario"], Awaitable[int]]
"""Asks once; how many were found."""


@dataclass(frozen=True)
class Scenario:
    """What is asked."""

    name: str
    radius: float
    category: Category | None = None
    open_at: str | None = None

    @property
    def is_plain(self) -> bool:
        """All places, whatever they are."""
        return self.category is None and self.open_at is None

    @property
    def options(self) -> dict[str, Any]:
        """For `Nearby`."""
        return {
            "radius": self.radius,
            "categories": [self.category] if self.category else [],
            "open_at": [moment(datetime.fromisoformat(self.open_at))] if self.open_at else [],
        }

    @property
    def query(self) -> str:
        """For the service, beside the point."""
        options = {"radius": f"{self.radius:g}", "limit": str(LIMIT - 1)}
        options |= {"category": self.category.value} if self.category else {}
        options |= {"open_at": self.open_at} if self.open_at else {}
        return "&".join(f"{name}={value}" for name, value in options.items())


SCENARIOS: Final = (
    Scenario("300 m", 300),
    Scenario("1 km", 1000),
    Scenario("5 km", 5000),
    Scenario("50 km", 50_000),
    Scenario("5 km, a common category", 5000, Category.CLOTHES),
    Scenario("50 km, a rare category", 50_000, Category.REFILL_STATION),
    Scenario("5 km, open on a Tuesday", 5000, open_at="2026-03-10T14:00:00"),
    Scenario("50 km, open at night (nothing is)", 50_000, open_at="2026-03-10T03:00:00"),
)


@dataclass(frozen=True)
class Figures:
    """Milliseconds of many answers."""

    scenario: str
    layer: str
    by: str
    found: float
    p50: float
    p99: float
    longest: float


def places(count: int) -> Iterator[NewPlace]:
    """Places as Korea may have them, the same ones each time: most in cities, a few of rare categories."""
    chance = random.Random(9)  # noqa: S311 - the same each time
    hours = parse_hours("Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off")
    shares = [1 if category is Category.REFILL_STATION else 300 for category in Category]
    for number in range(count):
        if chance.random() < 0.12:
            lat, lng = chance.uniform(34, 38.3), chance.uniform(126.2, 129.4)
        else:
            (y, x, spread, _), *_ = chance.choices(CITIES, [share for *_, share in CITIES])
            lat, lng = chance.gauss(y, spread), chance.gauss(x, spread)
        category = chance.choices(list(Category), shares)[0]
        opens = hours if chance.random() < 0.5 else None
        yield NewPlace(str(number), category, f"수거함 {number}", "어딘가로 1", None, None, lat, lng, opens)


def points(count: int) -> list[Point]:
    """Where is asked: near places, as people are."""
    chance = random.Random(10)  # noqa: S311 - the same each time
    known = [(place.lat, place.lng) for place in places(5000)]
    return [(lat + chance.gauss(0, 0.003), lng + chance.gauss(0, 0.003)) for lat, lng in chance.choices(known, k=count)]


async def measured(ask: Ask, scenario: Scenario, layer: str, by: str, count: int) -> Figures:
    """Ask at so many points, one after the other."""
    where = points(count)
    for point in where[: count // 10]:
        await ask(point, scenario)
    times, found = [], 0
    for point in where:
        begin = time.perf_counter()
        found += await ask(point, scenario)
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    return Figures(scenario.name, layer, by, found / len(times), p50, p99, times[-1])


@contextmanager
def filled(server: Postgres, extension: str, count: int) -> Iterator[str]:
    """The URL of a database with the extension, the schema and the places."""
    with server.database() as url:
        name = url.rsplit("/", 1)[1]
        if extension:
            server.execute(f"CREATE EXTENSION {extension} CASCADE", database=name)
        upgrade("eco2_location", url)
        asyncio.run(_fill(url, count))
        server.execute("VACUUM ANALYZE location.places", database=name)
        yield url


async def _fill(url: str, count: int) -> None:
    database = Database(url, name="bench", pool_size=1, timeout=120)
    async with database.begin() as connection:
        await loading.stage(connection, places(count))
        await loading.apply(connection, "bench")
    await database.close()


async def of_database(url: str, by: str, count: int) -> list[Figures]:
    """Our statements, and those they are to be compared with."""
    database = Database(url, name="bench", pool_size=1, timeout=30)
    nearby = Nearby(database)

    async def ours(point: Point, scenario: Scenario) -> int:
        return len(await nearby.nearest(point, limit=LIMIT, **scenario.options))

    async def whole_table(point: Point, scenario: Scenario) -> int:
        parameters = {"lat": point[0], "lng": point[1], "radius": scenario.radius}
        async with database.read() as connection:
            return len((await connection.execute(_WHOLE_TABLE, parameters)).all())

    async def neighbours(point: Point, scenario: Scenario) -> int:
        statement = text(_SORTED.format(distance=DISTANCE, order=_NEIGHBOURS[by]))
        parameters = {"lat": point[0], "lng": point[1], "radius": scenario.radius}
        async with database.read() as connection:
            return len((await connection.execute(statement, parameters)).all())

    figures = [await measured(ours, scenario, "SQL", f"ours, {by}", count) for scenario in SCENARIOS]
    plain = [scenario for scenario in SCENARIOS if scenario.is_plain]
    if by in _NEIGHBOURS:
        figures += [await measured(neighbours, one, "SQL", f"nearest neighbours of {by}", count) for one in plain]
    else:
        figures += [await measured(whole_table, one, "SQL", "the whole table", max(10, count // 10)) for one in plain]
    await database.close()
    return figures


async def of_service(port: int, by: str, count: int) -> list[Figures]:
    """The service, by one client that keeps its connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)

    async def ask(point: Point, scenario: Scenario) -> int:
        path = f"/api/v1/locations/nearby?lat={point[0]:.6f}&lng={point[1]:.6f}&{scenario.query}"
        connection.request("GET", path, headers=IDENTITY)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the server answered {answer.status}: {body[:300]!r}")
        return len(orjson.loads(body)["items"])

    figures = [await measured(ask, scenario, "HTTP", f"ours, {by}", count) for scenario in SCENARIOS]
    connection.close()
    return figures


@click.command()
@click.option("--places", "count", default=100_000, show_default=True, help="So many there are.")
@click.option("--requests", default=1000, show_default=True, help="So many are asked of each kind.")
@click.option("-o", "--output", nargs=2, metavar="json FILE", help="Write everything measured to a file.")
def main(count: int, requests: int, output: tuple[str, Path] | None) -> None:
    """Measure how long the nearest places take."""
    if output is not None and output[0] != "json":
        raise click.BadParameter("the only format is json", param_hint="-o")
    os.sched_setaffinity(0, {OTHER_CORE})  # PostgreSQL inherits it
    console = Console(width=130)
    figures: list[Figures] = []
    with postgres.running(shared_buffers="128MB") as server, tempfile.TemporaryDirectory() as folder:
        console.print(f"{count:,} places, {server.execute('SHOW server_version')[0][0]}")
        for by, extension in EXTENSIONS.items():
            if extension and not server.execute("SELECT FROM pg_available_extensions WHERE name = $1", extension):
                console.print(f"this PostgreSQL has no {by}")
                continue
            with filled(server, extension, count) as url:
                figures += asyncio.run(of_database(url, by, requests))
                environ = {"DATABASE_URL": url, "LOG_LEVEL": "warning"}
                with serving(["-m", "eco2_location", "serve"], environ, Path(folder) / "log") as service:
                    figures += asyncio.run(of_service(service.port, by, requests))
    show(figures, console)
    if output is not None:
        Path(output[1]).write_bytes(orjson.dumps([asdict(found) for found in figures], option=orjson.OPT_INDENT_2))


def show(figures: list[Figures], console: Console) -> None:
    """Print what was measured."""
    table = Table(title="The nearest 50 places, one client", caption=f"aim: p99 of HTTP below {AIM_MS:g} ms")
    for column in ("within", "layer", "by", "found", "p50 ms", "p99 ms", "longest ms"):
        table.add_column(column, justify="left" if column in {"within", "layer", "by"} else "right")
    for scenario in SCENARIOS:
        for found in sorted((one for one in figures if one.scenario == scenario.name), key=lambda one: one.layer):
            colour = "green" if found.p99 < AIM_MS else "red"
            cells = f"{found.found:.1f}", f"{found.p50:.2f}", f"[{colour}]{found.p99:.2f}", f"{found.longest:.2f}"
            table.add_row(found.scenario, found.layer, found.by, *cells)
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
