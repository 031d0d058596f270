"""Places in PostgreSQL: reading them. `loading` writes them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from asyncpg import Range  # type: ignore[import-untyped]
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_location.categories import Category
from eco2_location.cells import cover
from eco2_location.errors import PlaceUnknown
from eco2_location.finders import CATEGORIES, DISTANCE, RANGES, Finder, ranges
from eco2_location.geo import Box
from eco2_location.hours import open_numbers
from eco2_location.hours_text import kept_hours
from eco2_location.models import Found, Place
from eco2_location.moments import Moment

_COLUMNS: Final = (
    "id, source, category, name, address, detail, phone, lat, lng, cell, CAST(hours AS text) AS hours, updated_at"
)
_IS_BEHIND: Final = "AND (distance, id) > (CAST(:after_distance AS double precision), CAST(:after_id AS uuid))"


def _place(row: Row[*tuple[Any, ...]]) -> Place:
    """The columns of a place come first, in their order."""
    place_id, source, category, name, address, detail, phone, lat, lng, cell, hours, updated_at = row[:12]
    return Place(
        id=place_id,
        source=source,
        category=Category(category),
        name=name,
        address=address,
        detail=detail,
        phone=phone,
        lat=lat,
        lng=lng,
        cell=cell,
        hours=None if hours is None else kept_hours(hours),
        updated_at=updated_at,
    )


async def place(connection: AsyncConnection, place_id: uuid.UUID) -> Place:
    """One place. Raises PlaceUnknown."""
    statement = text(f"SELECT {_COLUMNS} FROM location.places WHERE id = :id")  # noqa: S608 - all ours
    row = (await connection.execute(statement, {"id": place_id})).one_or_none()
    if row is None:
        raise PlaceUnknown
    return _place(row)


async def within(
    connection: AsyncConnection,
    finder: Finder,
    point: tuple[float, float],
    *,
    radius: float,
    categories: Sequence[Category],
    open_at: Sequence[Moment],
    after: tuple[float, uuid.UUID] | None,
    limit: int,
) -> list[Found]:
    """Places within `radius` metres of a point, the nearest first; those that are as far by id.

    Args:
        categories: empty for all; then the finder has to be one that takes all.
        open_at: only places that are known to be open at each of these.
        after: distance and id of the last one that is known.
    """
    lat, lng = point
    parameters = {"lat": lat, "lng": lng, "radius": radius, "limit": limit, **finder.area(lat, lng, radius)}
    if categories:
        parameters["categories"] = list(categories)
    for number, moment in enumerate(open_at):
        parameters[f"minutes{number}"] = [Range(minute, minute + 1) for minute in open_numbers(moment)]
    if after is not None:
        parameters["after_distance"], parameters["after_id"] = after
    statement = _within(finder.source(_is_open(len(open_at))), after is not None)
    return [Found(_place(row), row.distance) for row in await connection.execute(statement, parameters)]


@cache
def _is_open(moments: int) -> str:
    return " ".join(f"AND open_minutes && CAST(:minutes{number} AS int4multirange)" for number in range(moments))


@cache
def _within(source: str, is_later_page: bool) -> TextClause:
    return text(
        f"SELECT * FROM (SELECT {_COLUMNS}, {DISTANCE} AS distance FROM {source}) AS found"  # noqa: S608 - all ours
        f" WHERE distance <= CAST(:radius AS double precision) {_IS_BEHIND if is_later_page else ''}"
        " ORDER BY distance, id LIMIT CAST(:limit AS int)"
    )


async def inside(
    connection: AsyncConnection,
    boxes: Sequence[Box],
    *,
    categories: Sequence[Category],
    after: tuple[int, uuid.UUID] | None,
    limit: int,
) -> list[Place]:
    """Places in any of the boxes, by cell and id: neighbours mostly follow each other.

    Args:
        categories: empty for all.
        after: cell and id of the last one that is known.
    """
    parameters: dict[str, Any] = {"limit": limit, **ranges(cover(boxes))}
    for number, box in enumerate(boxes):
        named = {"south": box.south, "west": box.west, "north": box.north, "east": box.east}
        parameters |= {f"{name}{number}": value for name, value in named.items()}
    if categories:
        parameters["categories"] = list(categories)
    parameters["after_cell"], parameters["after_id"] = after or (-1, uuid.UUID(int=0))
    rows = await connection.execute(_inside(len(boxes), bool(categories)), parameters)
    return [_place(row) for row in rows]


@cache
def _inside(boxes: int, is_by_category: bool) -> TextClause:
    """Each range is read in order, and no further than a page: there may be all places of the country in it."""
    is_in = " OR ".join(
        f"lat BETWEEN CAST(:south{number} AS double precision) AND CAST(:north{number} AS double precision)"
        f" AND lng BETWEEN CAST(:west{number} AS double precision) AND CAST(:east{number} AS double precision)"
        for number in range(boxes)
    )
    return text(
        f"SELECT place.* FROM {f'{CATEGORIES} CROSS JOIN' if is_by_category else ''} {RANGES} CROSS JOIN LATERAL"  # noqa: S608
        f" (SELECT {_COLUMNS} FROM location.places"
        f" WHERE {'category = wanted.code AND' if is_by_category else ''} cell <= area.high"
        "  AND cell >= greatest(area.low, CAST(:after_cell AS bigint))"
        f" AND (cell, id) > (CAST(:after_cell AS bigint), CAST(:after_id AS uuid)) AND ({is_in})"
        " ORDER BY cell, id LIMIT CAST(:limit AS int)) AS place"
        " ORDER BY cell, id LIMIT CAST(:limit AS int)"
    )
