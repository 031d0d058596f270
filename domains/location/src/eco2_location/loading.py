"""Writing the places of a source. Each function takes the connection, and with it the transaction, that it works in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_location.cells import cell_of
from eco2_location.errors import Busy
from eco2_location.geo import canonical
from eco2_location.hours_text import kept_text
from eco2_location.models import NewPlace
from eco2_service.database import DatabaseUnavailable
from eco2_service.locks import try_lock

_OWN: Final = ("name", "address", "detail", "phone", "lat", "lng", "cell", "hours", "open_minutes")
"""Columns that the file decides, beside those that say which place it is."""
_COLUMNS: Final = ("external_id", "category", *_OWN)
_LIST: Final = ", ".join(_COLUMNS)
_IS_SAME: Final = "place.external_id = incoming.external_id AND place.category = incoming.category"
_DIFFERS: Final = (
    f"({', '.join(f'place.{name}' for name in _OWN)}) IS DISTINCT FROM"
    f" ({', '.join(f'incoming.{name}' for name in _OWN)})"
)


@dataclass(frozen=True, slots=True)
class Changes:
    """How many places of a source a file adds, changes, deletes, and leaves as they are."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


async def lock(connection: AsyncConnection) -> None:
    """Keep other imports from running until this transaction ends. Raises Busy when one runs."""
    if not await connection.scalar(try_lock("location", "import")):
        raise Busy


async def stage(connection: AsyncConnection, places: Iterator[NewPlace]) -> None:
    """Bring the places of a file to the database, for this transaction. Raises DatabaseUnavailable."""
    await connection.execute(
        text(f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {_LIST} FROM location.places LIMIT 0")  # noqa: S608
    )
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None  # noqa: S101 - as long as the connection is open
    try:
        await raw.copy_records_to_table("incoming", records=map(_record, places), columns=_COLUMNS)
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
    ) as error:
        raise DatabaseUnavailable from error  # the pool's own translation does not see what its driver raises here
    await connection.execute(text("ANALYZE incoming"))


def _record(place: NewPlace) -> tuple[Any, ...]:
    lat, lng = canonical(place.lat, place.lng)
    hours = place.hours
    return (
        place.external_id,
        place.category.value,
        place.name,
        place.address,
        place.detail,
        place.phone,
        lat,
        lng,
        cell_of(lat, lng),
        None if hours is None else kept_text(hours),
        None if hours is None else [asyncpg.Range(low, high) for low, high in hours.open_minutes()],
    )


async def compare(connection: AsyncConnection, source: str) -> Changes:
    """What the staged places would change."""
    statement = text(
        "SELECT count(*) FILTER (WHERE place.id IS NULL) AS added,"  # noqa: S608 - all ours
        f" count(*) FILTER (WHERE place.id IS NOT NULL AND incoming.name IS NOT NULL AND {_DIFFERS}) AS changed,"
        " count(*) FILTER (WHERE incoming.name IS NULL) AS removed,"
        f" count(*) FILTER (WHERE place.id IS NOT NULL AND NOT {_DIFFERS}) AS unchanged"
        " FROM incoming FULL JOIN (SELECT * FROM location.places WHERE source = :source) AS place"
        f" ON {_IS_SAME}"
    )
    row = (await connection.execute(statement, {"source": source})).mappings().one()
    return Changes(**row)


async def apply(connection: AsyncConnection, source: str) -> None:
    """Make the source's places those that are staged; a place that stays keeps its id."""
    of_source = {"source": source}
    await connection.execute(
        text(
            "DELETE FROM location.places AS place WHERE source = :source"  # noqa: S608 - all ours
            f" AND NOT EXISTS (SELECT FROM incoming WHERE {_IS_SAME})"
        ),
        of_source,
    )
    values = ", ".join(f"{name} = incoming.{name}" for name in _OWN)
    await connection.execute(
        text(
            f"UPDATE location.places AS place SET {values}, updated_at = now() FROM incoming"  # noqa: S608 - all ours
            f" WHERE source = :source AND {_IS_SAME} AND {_DIFFERS}"
        ),
        of_source,
    )
    await connection.execute(
        text(
            f"INSERT INTO location.places (source, {_LIST}) SELECT :source, {_LIST} FROM incoming"  # noqa: S608
            " ORDER BY cell ON CONFLICT DO NOTHING"  # neighbours lie on the same pages
        ),
        of_source,
    )
    await connection.execute(text("ANALYZE location.places"))  # or plans are those for the places there were
