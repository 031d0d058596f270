"""The nearest places: in a small circle first, and in larger ones until there are enough or the radius is reached.

A circle of 50 km around the middle of Seoul has half of the country's places in it, and a page the next fifty.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_location import store
from eco2_location.categories import Category
from eco2_location.finders import BY_CATEGORY, Finder, choose
from eco2_location.models import Found
from eco2_location.moments import Moment
from eco2_service.database import Database

FIRST_RADIUS: Final = 400.0
"""Metres."""
_GROWTH: Final = 1.5, 8.0
"""The least and the most that a radius becomes the next one by."""
_SPARE: Final = 1.5
"""For places that lie less densely further out."""


class Nearby:
    """Finds the nearest places. Raises DatabaseUnavailable like all that uses the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._finder: Finder | None = None

    async def nearest(
        self,
        point: tuple[float, float],
        *,
        radius: float,
        categories: Sequence[Category] = (),
        open_at: Sequence[Moment] = (),
        after: tuple[float, uuid.UUID] | None = None,
        limit: int,
    ) -> list[Found]:
        """Up to `limit` places within `radius` metres of a point (latitude, longitude), the nearest first.

        Args: see `store.within`.
        """
        async with self._database.read() as connection:
            # What an extension finds of all categories may be thousands of places for each that is wanted.
            finder = BY_CATEGORY if categories else await self.finder(connection)
            reach = min(radius, FIRST_RADIUS if after is None else max(FIRST_RADIUS, after[0] * _GROWTH[0]))
            while True:
                found = await store.within(
                    connection,
                    finder,
                    point,
                    radius=reach,
                    categories=categories,
                    open_at=open_at,
                    after=after,
                    limit=limit,
                )
                if len(found) >= limit or reach >= radius:
                    return found
                reach = min(radius, reach * _growth(len(found), limit))

    async def finder(self, connection: AsyncConnection) -> Finder:
        """What suits the database: asked for once."""
        if self._finder is None:
            self._finder = await choose(connection)
        return self._finder


def _growth(found: int, wanted: int) -> float:
    """By how much a circle has to grow when there are as many places on each square metre of it."""
    least, most = _GROWTH
    return most if found == 0 else min(most, max(least, math.sqrt(wanted / found * _SPARE)))
