"""The catalogue as it is answered: kept in memory, each page prepared as bytes with its ETag."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from eco2_character import store
from eco2_character.models import Character
from eco2_character.schemas import CatalogueItem, MatchLabels
from eco2_service.conditional import Representation
from eco2_service.database import Database, DatabaseUnavailable
from eco2_service.pages import MAX_LIMIT, Page, encode_cursor

CURSOR_FIELD: Final = "code"
MAX_PAGES: Final = 256
"""Pages that are kept. Users ask for a few; there could be a hundred for each character, of up to a hundred each."""
log = structlog.get_logger("eco2.character")


class Snapshot:
    """The catalogue at one version. A page is made when it is asked for first, and kept.

    Cursors that lead to the same characters share a page, and `MAX_PAGES` are kept at most.
    """

    def __init__(self, version: int, characters: Sequence[Character]) -> None:
        self.version = version
        self._items = [_item(character) for character in sorted(characters, key=lambda character: character.code)]
        self._codes = [item.code for item in self._items]
        self._pages: dict[tuple[int, int], Representation] = {}

    def page(self, after: str | None, limit: int) -> Representation:
        """Up to `limit` characters whose codes come after `after`; from the first one without it."""
        start = 0 if after is None else bisect_right(self._codes, after)
        key = start, min(limit, MAX_LIMIT)
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()  # what is asked for often is soon back
            page = self._pages[key] = self._prepare(*key)
        return page

    def _prepare(self, start: int, limit: int) -> Representation:
        items = self._items[start : start + limit]
        is_last = start + limit >= len(self._items)
        page = Page[CatalogueItem](
            items=items, next_cursor=None if is_last else encode_cursor({CURSOR_FIELD: items[-1].code})
        )
        return Representation.of(page)


def _item(character: Character) -> CatalogueItem:
    return CatalogueItem(
        code=character.code,
        name=character.name,
        type=character.type,
        dialog=character.dialog,
        description=character.description,
        match=MatchLabels(
            major_category=character.match.major,
            middle_category=character.match.middle,
            minor_category=character.match.minor,
        ),
        is_default=character.is_default,
    )


class Catalogue:
    """The newest snapshot. The database is asked for its version now and then, and for its rows when that is another.

    A database that does not answer leaves the last snapshot in place: readiness says that something is wrong, and
    what was right a moment ago is better than no answer.

    Args:
        check_seconds: how old the answer may be at least before the version is asked for again.
        clock: seconds that only grow.
    """

    def __init__(
        self, database: Database, *, check_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._check_seconds = check_seconds
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._checked_at = float("-inf")
        self._failures = 0
        self._asking = asyncio.Lock()

    async def current(self) -> Snapshot:
        """The catalogue, at most `check_seconds` old while the database answers.

        Raises:
            DatabaseUnavailable: when there never was a snapshot.
        """
        snapshot = self._snapshot
        if snapshot is not None and (self._is_fresh() or self._asking.locked()):
            return snapshot
        failures = self._failures
        async with self._asking:  # those that come before there is a first snapshot wait for it here
            if self._snapshot is None and self._failures != failures:
                raise DatabaseUnavailable  # to those before us; one after the other we would wait for ever
            if self._snapshot is None or not self._is_fresh():
                await self._ask()
        assert self._snapshot is not None  # noqa: S101 - _ask raises rather than leave none
        return self._snapshot

    def _is_fresh(self) -> bool:
        return self._clock() - self._checked_at < self._check_seconds

    async def _ask(self) -> None:
        try:
            self._snapshot = await self._newest()
        except DatabaseUnavailable:
            self._failures += 1
            if self._snapshot is None:
                raise
            log.warning("catalogue not checked: the database does not answer", version=self._snapshot.version)
        self._checked_at = self._clock()

    async def _newest(self) -> Snapshot:
        async with self._database.read() as connection:
            # The version first: rows that are newer than it only mean that they are read once more.
            version = await store.version(connection)
            if self._snapshot is not None and self._snapshot.version == version:
                return self._snapshot
            return Snapshot(version, await store.current(connection))
