"""Ways to find candidates near a point: each is what stands after FROM, and what it is given.

All find every place within a radius, and some beyond: the exact distance decides afterwards, and it is the same
expression for all, so that all give the same results. OFFSET 0 keeps PostgreSQL from taking the conditions outside for
better ones than the index (it would compute the distance of all places first).

What makes a difference is how many candidates there are, not who found them: see tests/bench/domains/location.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_location.cells import Ranges, cover
from eco2_location.geo import EARTH_RADIUS, around

DISTANCE: Final = (
    f"2 * {EARTH_RADIUS} * asin(least(1, sqrt(power(sin(radians(lat - :lat) / 2), 2)"
    " + cos(radians(:lat)) * cos(radians(lat)) * power(sin(radians(lng - :lng) / 2), 2))))"
)
"""Metres from (:lat, :lng): `geo.haversine` in SQL."""
RANGES: Final = "unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS area (low, high)"
"""Ranges of cells as rows."""
CATEGORIES: Final = "unnest(CAST(:categories AS text[])) AS wanted (code)"
"""Categories as rows: the index by category is looked into once for each."""
_MARGIN: Final = 1.001
"""For the radius of others: their Earth is a little larger or smaller."""


class Finder(Protocol):
    """One of the ways."""

    name: str

    def source(self, condition: str) -> str:
        """What stands after FROM; its rows are called `place`.

        Args:
            condition: for each place, beginning with AND; or nothing.
        """
        ...

    def area(self, lat: float, lng: float, radius: float) -> dict[str, Any]:
        """Parameters, beside `:lat`, `:lng` and `:categories`: where."""
        ...


def ranges(found: Ranges) -> dict[str, list[int]]:
    """The parameters of `RANGES`."""
    return {"lows": [low for low, _ in found], "highs": [high for _, high in found]}


class Cells:
    """By the numbers of cells: any PostgreSQL can."""

    name = "cells"
    _source = (
        f"{RANGES} CROSS JOIN LATERAL (SELECT * FROM location.places"  # noqa: S608 - all ours
        " WHERE cell BETWEEN area.low AND area.high {condition} OFFSET 0) AS place"
    )

    def source(self, condition: str) -> str:
        """See `Finder`."""
        return self._source.format(condition=condition)

    def area(self, lat: float, lng: float, radius: float) -> dict[str, Any]:
        """See `Finder`."""
        return ranges(cover(around(lat, lng, radius)))


class CategoryCells(Cells):
    """By category and cell: finds the few of a rare category where there are many others."""

    _source = (
        f"{CATEGORIES} CROSS JOIN {RANGES} CROSS JOIN LATERAL (SELECT * FROM location.places"  # noqa: S608 - all ours
        " WHERE category = wanted.code AND cell BETWEEN area.low AND area.high {condition} OFFSET 0) AS place"
    )


class _Indexed:
    """By an index of an extension.

    Args:
        schema: of the extension, quoted.
    """

    name: str
    _within: str

    def __init__(self, schema: str) -> None:
        self._condition = self._within.format(schema=schema)

    def source(self, condition: str) -> str:
        """See `Finder`."""
        return f"(SELECT * FROM location.places WHERE {self._condition} {condition} OFFSET 0) AS place"  # noqa: S608


class Cube(_Indexed):
    """By the type that earthdistance works with: points of the unit sphere in space, in boxes.

    https://www.postgresql.org/docs/current/earthdistance.html
    """

    name = "earthdistance"
    _within = (
        "{schema}.cube(ARRAY[cos(radians(lat)) * cos(radians(lng)), cos(radians(lat)) * sin(radians(lng)),"
        " sin(radians(lat))]) OPERATOR({schema}.<@)"
        " {schema}.cube(CAST(:lower AS double precision[]), CAST(:upper AS double precision[]))"
    )

    def area(self, lat: float, lng: float, radius: float) -> dict[str, Any]:
        """See `Finder`. The chord of an angle is straight through the Earth."""
        phi, theta = math.radians(lat), math.radians(lng)
        centre = math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)
        chord = 2 * math.sin(min(radius / EARTH_RADIUS, math.pi) / 2) * _MARGIN + 1e-9
        return {"lower": [value - chord for value in centre], "upper": [value + chord for value in centre]}


class Geography(_Indexed):
    """By PostGIS' geography, on a sphere: https://postgis.net/docs/ST_DWithin.html."""

    name = "postgis"
    _within = (
        "{schema}.ST_DWithin({schema}.geography({schema}.ST_SetSRID({schema}.ST_MakePoint(lng, lat), 4326)),"
        " {schema}.geography({schema}.ST_SetSRID({schema}.ST_MakePoint(:lng, :lat), 4326)),"
        " CAST(:reach AS double precision), false)"
    )

    def area(self, lat: float, lng: float, radius: float) -> dict[str, Any]:
        """See `Finder`."""
        return {"reach": radius * _MARGIN + 1}


CELLS: Final = Cells()
BY_CATEGORY: Final = CategoryCells()
_INDEXES: Final[dict[str, Callable[[str], Finder]]] = {"places_by_cube": Cube, "places_by_geography": Geography}
_PRESENT: Final = text(
    "SELECT relname, quote_ident(nspname) FROM pg_extension"
    " JOIN pg_namespace ON pg_namespace.oid = extnamespace"
    " JOIN (VALUES ('cube', 'places_by_cube'), ('postgis', 'places_by_geography')) AS known (extension, relname)"
    " ON extension = extname"
    " JOIN pg_index ON indexrelid = to_regclass('location.' || relname) AND indisvalid"
)


async def choose(connection: AsyncConnection) -> Finder:
    """The way that suits a database: earthdistance or PostGIS where it has one and the migrations made its index."""
    present: dict[str, str] = {row.relname: row.quote_ident for row in await connection.execute(_PRESENT)}
    return next((make(present[index]) for index, make in _INDEXES.items() if index in present), CELLS)
