"""Bringing the catalogue to what a file says: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from eco2_character import store
from eco2_character.catalogue_file import Entry
from eco2_character.models import Character
from eco2_service.database import Database

_COMPARED: Final = ("name", "type", "dialog", "description", "match", "is_default")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a file changes, as codes in alphabetical order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    @property
    def written(self) -> frozenset[str]:
        """The codes whose rows are written as the file has them."""
        return frozenset(self.added + self.changed + self.returned)


def compare(entries: Sequence[Entry], known: Sequence[Character]) -> Changes:
    """What a file would change.

    Args:
        known: all characters there are, the retired ones too.
    """
    before = {character.code: character for character in known}
    after = {entry.code: entry for entry in entries}
    kinds: dict[str, list[str]] = {"added": [], "changed": [], "returned": [], "unchanged": []}
    for code in sorted(after):
        kinds[_kind(before.get(code), after[code])].append(code)
    retired = sorted(code for code, one in before.items() if code not in after and not one.is_retired)
    return Changes(retired=tuple(retired), **{kind: tuple(codes) for kind, codes in kinds.items()})


def _kind(before: Character | None, after: Entry) -> str:
    if before is None:
        return "added"
    if before.is_retired:
        return "returned"
    return "unchanged" if all(getattr(before, name) == getattr(after, name) for name in _COMPARED) else "changed"


async def import_catalogue(database: Database, entries: Sequence[Entry], *, dry_run: bool = False) -> Changes:
    """Write the entries of a file without faults in one transaction; two imports come one after the other.

    What the file does not name is retired: it leaves the catalogue, and stays with those who own it.

    Args:
        dry_run: only say what would change.

    Raises:
        Busy, DatabaseUnavailable: nothing was written.
    """
    async with database.begin() as connection:
        await store.lock_catalogue(connection)
        changes = compare(entries, await store.all_characters(connection))
        if not dry_run:
            await _write(connection, entries, changes)
    return changes


async def _write(connection: AsyncConnection, entries: Sequence[Entry], changes: Changes) -> None:
    # Those that change make room first: two that swap their labels would be in each other's way.
    if leaving := [*changes.retired, *changes.changed]:
        await store.retire(connection, leaving)
    if changes.written:
        await store.put(connection, [entry for entry in entries if entry.code in changes.written])
    if leaving or changes.written:
        await store.count_version_up(connection)
