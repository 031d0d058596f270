"""Writing a catalogue: what changes, and that all of it does or nothing."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from eco2_character import store
from eco2_character.catalogue_file import Entry, read_catalogue
from eco2_character.importing import Changes, import_catalogue
from eco2_character.matching import Labels
from eco2_service.database import Database, DatabaseUnavailable

MakeEntry = Callable[..., Entry]
Sql = Callable[..., list[tuple[Any, ...]]]
EVERYTHING = "SELECT c.* FROM character.characters AS c ORDER BY code"
VERSION = "SELECT version FROM character.catalogue_version"
DIES = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""


@pytest.fixture
def seed() -> list[Entry]:
    """What the migrations have written."""
    return read_catalogue(files("eco2_character").joinpath("data/catalogue.csv").read_bytes()).entries


@pytest.fixture
def two(entry: MakeEntry) -> list[Entry]:
    return [entry("a", is_default=True), entry("b")]


async def test_the_first_catalogue_is_what_its_file_would_import(
    database: Database, seed: list[Entry], sql: Sql
) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    changes = await import_catalogue(database, seed)
    assert changes == Changes(unchanged=tuple(sorted(one.code for one in seed)))
    assert (sql(EVERYTHING), sql(VERSION)) == before
    keys = dict(sql("SELECT code, match_key FROM character.characters"))
    assert keys == {one.code: one.match.key for one in seed}


async def test_a_file_is_what_the_catalogue_becomes(
    database: Database, seed: list[Entry], two: list[Entry], sql: Sql
) -> None:
    changes = await import_catalogue(database, two)
    assert changes == Changes(added=("a", "b"), retired=tuple(sorted(one.code for one in seed)))
    assert sql("SELECT code FROM character.characters WHERE retired_at IS NULL ORDER BY code") == [("a",), ("b",)]
    async with database.read() as connection:
        assert {one.code: one.match for one in await store.current(connection)} == {one.code: one.match for one in two}


async def test_again_nothing_changes(database: Database, two: list[Entry], sql: Sql) -> None:
    await import_catalogue(database, two)
    before = sql(EVERYTHING), sql(VERSION)
    assert await import_catalogue(database, list(reversed(two))) == Changes(unchanged=("a", "b"))
    assert (sql(EVERYTHING), sql(VERSION)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"name": "새 이름"},
        {"type": "새 종류"},
        {"dialog": "새 인사"},
        {"description": "설명"},
        {"match": Labels("폐기물", "b", "c")},
        {"match": Labels("폐기물")},
    ],
)
async def test_each_field_that_changes_is_written(
    database: Database, entry: MakeEntry, two: list[Entry], sql: Sql, change: dict[str, Any]
) -> None:
    await import_catalogue(database, two)
    ((version,),) = sql(VERSION)
    ids = sql("SELECT code, id, created_at FROM character.characters ORDER BY code")
    changed = [two[0], entry("b", **change)]
    assert await import_catalogue(database, changed) == Changes(changed=("b",), unchanged=("a",))
    assert sql(VERSION) == [(version + 1,)]
    assert sql("SELECT code, id, created_at FROM character.characters ORDER BY code") == ids
    assert await import_catalogue(database, changed) == Changes(unchanged=("a", "b"))


async def test_labels_and_the_default_can_be_swapped(database: Database, entry: MakeEntry, two: list[Entry]) -> None:
    await import_catalogue(database, two)
    swapped = [entry("a", match=two[1].match), entry("b", match=two[0].match, is_default=True)]
    assert (await import_catalogue(database, swapped)).changed == ("a", "b")
    async with database.read() as connection:
        default = await store.default(connection)
    assert default is not None
    assert default.code == "b"


async def test_what_was_retired_comes_back_as_itself(
    database: Database, seed: list[Entry], two: list[Entry], sql: Sql
) -> None:
    ids = sql("SELECT id FROM character.characters WHERE code = 'can'")
    sql("INSERT INTO character.ownerships SELECT 'user-1', id, 'scan' FROM character.characters WHERE code = 'can'")
    await import_catalogue(database, two)
    changes = await import_catalogue(database, seed)
    assert "can" in changes.returned
    assert changes.retired == ("a", "b")
    assert sql("SELECT character_id FROM character.ownerships") == ids
    assert sql("SELECT retired_at FROM character.characters WHERE code = 'can'") == [(None,)]


async def test_a_dry_run_says_the_same_and_writes_nothing(database: Database, two: list[Entry], sql: Sql) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    foreseen = await import_catalogue(database, two, dry_run=True)
    assert (sql(EVERYTHING), sql(VERSION)) == before
    assert await import_catalogue(database, two) == foreseen


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE UPDATE ON character.characters FOR EACH ROW WHEN (NEW.code = 'vinyl')",
        "BEFORE INSERT ON character.characters FOR EACH ROW WHEN (NEW.code = 'b')",
        "AFTER INSERT ON character.characters FOR EACH ROW WHEN (NEW.code = 'b')",
        "AFTER UPDATE ON character.catalogue_version FOR EACH ROW",
    ],
)
async def test_when_the_database_dies_in_the_middle_nothing_is_written(
    database: Database, two: list[Entry], sql: Sql, trigger: str
) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    sql(DIES)
    sql(f"CREATE TRIGGER dies {trigger} EXECUTE FUNCTION die()")
    with pytest.raises(DatabaseUnavailable):
        await import_catalogue(database, two)
    assert (sql(EVERYTHING), sql(VERSION)) == before
    sql("DROP FUNCTION die CASCADE")
    assert (await import_catalogue(database, two)).added == ("a", "b")  # and nobody holds the lock


async def test_imports_at_once_come_one_after_the_other(database: Database, entry: MakeEntry, sql: Sql) -> None:
    catalogues = [[entry(f"c{n}", is_default=True), entry("same", name=str(n))] for n in range(8)]
    ((version,),) = sql(VERSION)
    results = await asyncio.gather(*(import_catalogue(database, entries) for entries in catalogues))
    assert sum("same" in changes.added for changes in results) == 1
    assert sql(VERSION) == [(version + 8,)]
    current = sql("SELECT code, name FROM character.characters WHERE retired_at IS NULL ORDER BY code")
    assert current in [[(f"c{n}", "이름"), ("same", str(n))] for n in range(8)]
