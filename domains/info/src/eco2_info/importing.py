"""Bringing the articles to what a file says: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eco2_info.entry import Entry
from eco2_info.store import articles as store
from eco2_service.database import Database


@dataclass(frozen=True, slots=True)
class Changes:
    """What a file changes, as ids in alphabetical order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def compare(entries: Sequence[Entry], known: Sequence[Entry]) -> Changes:
    """What a file would change.

    Args:
        known: all articles there are.
    """
    before = {entry.id: entry for entry in known}
    after = {entry.id: entry for entry in entries}
    both = sorted(before.keys() & after.keys())
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(name for name in both if before[name] != after[name]),
        removed=tuple(sorted(before.keys() - after.keys())),
        unchanged=tuple(name for name in both if before[name] == after[name]),
    )


async def import_articles(database: Database, entries: Sequence[Entry], *, dry_run: bool = False) -> Changes:
    """Write the entries of a file without faults in one transaction; two imports come one after the other.

    What the file does not name is deleted. The search follows by itself: see `search_index`.

    Args:
        dry_run: only say what would change.

    Raises:
        Busy, DatabaseUnavailable: nothing was written.
    """
    async with database.begin() as connection:
        await store.lock_import(connection)
        changes = compare(entries, await store.entries(connection))
        written = {*changes.added, *changes.changed}
        if not dry_run and changes.removed:
            await store.remove(connection, changes.removed)
        if not dry_run and written:
            await store.put(connection, [entry for entry in entries if entry.id in written])
        if not dry_run and (written or changes.removed):
            await store.count_version_up(connection)
    return changes
