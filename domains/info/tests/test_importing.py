"""Writing articles: what changes, and that all of it does or nothing."""

import asyncio
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from eco2_info.articles_file import read_articles
from eco2_info.entry import Entry
from eco2_info.importing import Changes, import_articles
from eco2_info.store import articles
from eco2_service.database import Database, DatabaseUnavailable

MakeEntry = Callable[..., Entry]
Sql = Callable[..., list[tuple[Any, ...]]]
EVERYTHING = "SELECT a.* FROM info.articles AS a ORDER BY id"
VERSION = "SELECT version FROM info.articles_version"
DIES = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""


@pytest.fixture
def seed() -> list[Entry]:
    """What the migrations have written."""
    return read_articles(files("eco2_info").joinpath("data/articles.yaml").read_bytes()).entries


@pytest.fixture
def two(entry: MakeEntry) -> list[Entry]:
    return [entry("a"), entry("b")]


async def test_the_first_articles_are_what_their_file_would_import(
    database: Database, seed: list[Entry], sql: Sql
) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    assert await import_articles(database, seed) == Changes(unchanged=tuple(sorted(one.id for one in seed)))
    assert (sql(EVERYTHING), sql(VERSION)) == before
    for one in seed:  # byte for byte what an import writes
        sql("DELETE FROM info.articles WHERE id = $1", one.id)
    await import_articles(database, seed)
    assert sql(EVERYTHING) == before[0]


async def test_a_file_is_what_the_articles_become(
    database: Database, seed: list[Entry], two: list[Entry], sql: Sql
) -> None:
    changes = await import_articles(database, two)
    assert changes == Changes(added=("a", "b"), removed=tuple(sorted(one.id for one in seed)))
    async with database.read() as connection:
        assert sorted(await articles.entries(connection), key=lambda one: one.id) == two
    assert sql(VERSION) == [(2,)]


async def test_again_nothing_changes(database: Database, two: list[Entry], sql: Sql) -> None:
    await import_articles(database, two)
    before = sql(EVERYTHING), sql(VERSION)
    assert await import_articles(database, list(reversed(two))) == Changes(unchanged=("a", "b"))
    assert (sql(EVERYTHING), sql(VERSION)) == before


SOURCE = {"document": "다른 문서", "publisher": "기관", "section": "1", "date": "2024", "url": "https://a.kr/"}


@pytest.mark.parametrize(
    "change",
    [
        {"title": "새 제목"},
        {"summary": "새 요약"},
        {"category": "제도"},
        {"tags": ["꼬리표", "또 하나"]},
        {"published_on": "2026-01-02"},
        {"body": "새 본문"},
        {"sources": [SOURCE]},
        {"sources": [{**SOURCE, "verified": True}], "verified": True},
    ],
    ids=lambda change: "-".join(change),
)
async def test_each_field_that_changes_is_written(
    database: Database, entry: MakeEntry, two: list[Entry], sql: Sql, change: dict[str, Any]
) -> None:
    await import_articles(database, two)
    ((version,),) = sql(VERSION)
    changed = [two[0], entry("b", **change)]
    assert await import_articles(database, changed) == Changes(changed=("b",), unchanged=("a",))
    assert sql(VERSION) == [(version + 1,)]
    assert await import_articles(database, changed) == Changes(unchanged=("a", "b"))


async def test_a_dry_run_says_the_same_and_writes_nothing(database: Database, two: list[Entry], sql: Sql) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    foreseen = await import_articles(database, two, dry_run=True)
    assert (sql(EVERYTHING), sql(VERSION)) == before
    assert await import_articles(database, two) == foreseen


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE DELETE ON info.articles FOR EACH ROW WHEN (OLD.id = 'four-steps')",
        "AFTER INSERT ON info.articles FOR EACH ROW WHEN (NEW.id = 'b')",
        "AFTER UPDATE ON info.articles_version FOR EACH ROW",
    ],
    ids=["deleting", "writing", "counting"],
)
async def test_when_the_database_dies_in_the_middle_nothing_is_written(
    database: Database, two: list[Entry], sql: Sql, trigger: str
) -> None:
    before = sql(EVERYTHING), sql(VERSION)
    sql(DIES)
    sql(f"CREATE TRIGGER dies {trigger} EXECUTE FUNCTION die()")
    with pytest.raises(DatabaseUnavailable):
        await import_articles(database, two)
    assert (sql(EVERYTHING), sql(VERSION)) == before
    sql("DROP FUNCTION die CASCADE")
    assert (await import_articles(database, two)).added == ("a", "b")  # and nobody holds the lock


async def test_imports_at_once_come_one_after_the_other(database: Database, entry: MakeEntry, sql: Sql) -> None:
    files = [[entry(f"c{n}"), entry("same", title=str(n))] for n in range(8)]
    ((version,),) = sql(VERSION)
    results = await asyncio.gather(*(import_articles(database, entries) for entries in files))
    assert sum("same" in changes.added for changes in results) == 1
    assert sql(VERSION) == [(version + 8,)]
    current = sql("SELECT id, title FROM info.articles ORDER BY id")
    assert current in [[(f"c{n}", "제목"), ("same", str(n))] for n in range(8)]
