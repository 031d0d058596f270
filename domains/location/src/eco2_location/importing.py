"""Bringing a source to what a file says: all of it, or nothing."""

from __future__ import annotations

from typing import Final

from eco2_location import loading
from eco2_location.files.place_file import PlaceFile
from eco2_location.loading import Changes
from eco2_service.database import Database

SHRINK_LIMIT: Final = 0.5
"""The part of a source that an import may delete without being told so."""


class Shrinks(Exception):
    """The file would delete most of a source: it may be a part of it, or another one's."""

    def __init__(self, changes: Changes) -> None:
        super().__init__("the file would delete most of the source")
        self.changes = changes


async def import_places(
    database: Database, file: PlaceFile, source: str, *, dry_run: bool = False, allow_shrink: bool = False
) -> Changes:
    """Write the places of a file without faults in one transaction. What the file does not name is deleted.

    Args:
        dry_run: only say what would change.
        allow_shrink: also when most of the source would be deleted.

    Raises:
        Shrinks, Busy, DatabaseUnavailable: nothing was written.
    """
    async with database.begin() as connection:
        await loading.lock(connection)
        await loading.stage(connection, file.places())
        changes = await loading.compare(connection, source)
        before = changes.changed + changes.removed + changes.unchanged
        if changes.removed > before * SHRINK_LIMIT and not allow_shrink:
            raise Shrinks(changes)
        if not dry_run and changes.added + changes.changed + changes.removed:
            await loading.apply(connection, source)
    return changes
