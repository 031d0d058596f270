"""The search index: built by whoever needs it, once, and each version of the program has its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from eco2_info import documents, tsvector
from eco2_info.documents import Document, document_of_rule
from eco2_info.entry import Entry
from eco2_info.importing import import_articles
from eco2_info.schemas import Rule
from eco2_info.search_index import SearchIndex, deciding_code, generation_of
from eco2_info.searching import Search
from eco2_info.store import articles
from eco2_service.database import Database, DatabaseUnavailable
from eco2_waste_rules import tokens

MakeEntry = Callable[..., Entry]
Sql = Callable[..., list[tuple[Any, ...]]]
GENERATIONS = "SELECT name FROM info.search_generations ORDER BY 1"
IDS = "SELECT id FROM info.search_documents WHERE generation = $1 ORDER BY 1"
DIES = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""

COUNTS = """
CREATE FUNCTION count() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO builds DEFAULT VALUES; RETURN NEW; END $$
"""


def rule(name: str, title: str = "우유팩", *words: str) -> Document:
    return document_of_rule(
        Rule(
            id=name,
            title=title,
            summary="헹구어 말린다",
            major="재활용폐기물",
            middle="종이팩",
            minor=None,
            verified=False,
            items=[title],
            steps=["펼친다"],
            cautions=["젖지 않게 한다"],
            not_this=[],
            sources=[],
        ),
        words,
    )


def name_of(rules: list[Document]) -> str:
    return generation_of(rules, deciding_code())


class Counting(Database):
    """Counts how often it is asked, and can be told to stop or to fail."""

    asked = 0
    is_down = False

    def __init__(self, url: str) -> None:
        super().__init__(url, name="tests", pool_size=5, timeout=5)
        self.passes = asyncio.Event()
        self.passes.set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        self.asked += 1
        await self.passes.wait()
        if self.is_down:
            raise DatabaseUnavailable
        async with super().read() as connection:
            yield connection


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def counting(database_url: str) -> AsyncIterator[Counting]:
    database = Counting(database_url)
    yield database
    await database.close()


@pytest.fixture
async def only(database: Database, entry: MakeEntry) -> Entry:
    """The only article."""
    article = entry("only", title="뷁끼")
    await import_articles(database, [article])
    return article


async def found(database: Database, rules: list[Document], question: str) -> list[str]:
    hits, _ = await Search(database, rules, check_seconds=0).find(question, after=None, limit=10)
    return [hit.id for hit in hits]


async def test_it_has_all_articles_and_rules_and_counts_their_tokens(database: Database, only: Entry, sql: Sql) -> None:
    rules = [rule("a", "우유팩"), rule("b", "두유팩", "멸균")]
    index = SearchIndex(database, rules, check_seconds=0)
    await index.bring_up()
    assert sql(IDS, index.generation) == [("a",), ("b",), ("only",)]
    ndoc = "SELECT word, ndoc FROM ts_stat('SELECT tokens FROM info.search_documents') ORDER BY 1"
    assert sql("SELECT token, documents FROM info.search_terms ORDER BY 1") == sql(ndoc)
    assert sql("SELECT documents, articles_version FROM info.search_generations") == [(3, 2)]


async def test_without_any_document_nothing_is_found(database: Database, sql: Sql) -> None:
    sql("DELETE FROM info.articles")
    assert await found(database, [], "우유") == []


async def test_what_is_up_to_date_is_not_written_again(database: Database, only: Entry, sql: Sql) -> None:
    rows = "SELECT xmin, id FROM info.search_documents ORDER BY 2"
    await SearchIndex(database, [rule("a")], check_seconds=0).bring_up()
    before = sql(rows)
    for _ in range(2):  # another replica, and the same one
        index = SearchIndex(database, [rule("a")], check_seconds=0)
        await index.bring_up()
        await index.bring_up()
    assert sql(rows) == before


async def test_replicas_that_start_at_once_build_it_once(database: Database, sql: Sql) -> None:
    sql("CREATE TABLE builds ()")
    sql(COUNTS)
    sql("CREATE TRIGGER counts AFTER INSERT ON info.search_generations FOR EACH ROW EXECUTE FUNCTION public.count()")
    replicas = [SearchIndex(database, [rule("a")], check_seconds=0) for _ in range(8)]
    await asyncio.gather(*(replica.bring_up() for replica in replicas))
    assert sql("SELECT count(*) FROM builds") == [(1,)]


async def test_while_an_upgrade_runs_old_and_new_programs_each_find_their_own_rules(
    database: Database, only: Entry, entry: MakeEntry, sql: Sql
) -> None:
    old = [rule("milk", "우유팩"), rule("gone", "삐삐")]
    new = [rule("milk", "우유팩", "카톤"), rule("came", "드론")]
    for _ in range(2):  # in whatever order they start, and start again
        assert await found(database, old, "삐삐") == ["gone"]
        assert await found(database, new, "드론") == ["came"]
        assert await found(database, old, "드론") == await found(database, new, "삐삐") == []
        assert await found(database, old, "뷁끼") == await found(database, new, "뷁끼") == ["only"]
    assert len(sql(GENERATIONS)) == 2
    await import_articles(database, [only, entry("two", title="뷁끼")])
    assert await found(database, old, "뷁끼") == await found(database, new, "뷁끼") == ["only", "two"]


async def test_a_generation_that_nobody_uses_is_deleted_and_built_again_when_it_is_needed(
    database: Database, entry: MakeEntry, only: Entry, sql: Sql
) -> None:
    old, new = [rule("old")], [rule("new")]
    assert await found(database, old, "우유팩") == ["old"]
    sql("UPDATE info.search_generations SET used_at = now() - interval '25 hours'")
    assert await found(database, new, "우유팩") == ["new"]
    assert sql(GENERATIONS) == [(name_of(new),)]
    assert sql("SELECT DISTINCT generation FROM info.search_documents") == [(name_of(new),)]
    assert sql("SELECT DISTINCT generation FROM info.search_terms") == [(name_of(new),)]
    assert await found(database, old, "우유팩") == ["old"]


async def test_one_that_is_used_says_so_before_it_is_deleted(database: Database, only: Entry, sql: Sql) -> None:
    index = SearchIndex(database, [rule("a")], check_seconds=0)
    await index.bring_up()
    rows = "SELECT xmin, id FROM info.search_documents ORDER BY 2"
    before = sql(rows)
    sql("UPDATE info.search_generations SET used_at = now() - interval '25 hours'")
    await index.bring_up()
    assert sql("SELECT used_at > now() - interval '1 minute' FROM info.search_generations") == [(True,)]
    assert sql(rows) == before


async def test_when_the_database_dies_in_the_middle_the_old_index_stays(
    database: Database, only: Entry, entry: MakeEntry, sql: Sql
) -> None:
    rules = [rule("a")]
    assert await found(database, rules, "뷁끼") == ["only"]
    await import_articles(database, [entry("two", title="뷁끼")])
    before = (
        sql("SELECT d.* FROM info.search_documents AS d ORDER BY id"),
        sql("SELECT t.* FROM info.search_terms AS t"),
    )
    sql(DIES)
    sql("CREATE TRIGGER dies AFTER INSERT ON info.search_terms FOR EACH ROW EXECUTE FUNCTION die()")
    with pytest.raises(DatabaseUnavailable):
        await found(database, rules, "뷁끼")
    after = sql("SELECT d.* FROM info.search_documents AS d ORDER BY id"), sql("SELECT t.* FROM info.search_terms AS t")
    assert after == before
    sql("DROP FUNCTION die CASCADE")
    assert await found(database, rules, "뷁끼") == ["two"]


async def test_articles_that_change_while_it_is_built_are_read_again(
    database: Database, only: Entry, entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [rule("a")]
    version = articles.version

    async def slow(connection: Any) -> int:
        seen = await version(connection)
        await import_articles(database, [entry("two", title="뷁끼")])
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(articles, "version", slow)
        await SearchIndex(database, rules, check_seconds=0).bring_up()
    assert await found(database, rules, "뷁끼") == ["two"]


async def test_the_database_is_asked_once_in_a_while(counting: Counting, entry: MakeEntry, sql: Sql) -> None:
    clock = Clock()
    index = SearchIndex(counting, [rule("a")], check_seconds=2, clock=clock)
    await index.bring_up()
    clock.now += 1.9
    await index.bring_up()
    assert counting.asked == 1
    await import_articles(counting, [entry("new")])
    clock.now += 0.2
    await index.bring_up()
    assert counting.asked == 2
    assert sql(IDS, index.generation) == [("a",), ("new",)]


async def test_all_that_come_at_once_wait_for_one_answer(counting: Counting) -> None:
    index = SearchIndex(counting, [rule("a")], check_seconds=2, clock=Clock())
    counting.passes.clear()
    tasks = [asyncio.create_task(index.bring_up()) for _ in range(50)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # who asks goes away, and the next one asks
    await asyncio.sleep(0)
    counting.passes.set()
    gone, *others = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert others == [None] * 49
    assert counting.asked == 2


async def test_all_that_come_at_once_hear_that_there_is_no_answer(counting: Counting) -> None:
    index = SearchIndex(counting, [rule("a")], check_seconds=2, clock=Clock())
    counting.is_down = True
    counting.passes.clear()
    tasks = [asyncio.create_task(index.bring_up()) for _ in range(50)]
    await asyncio.sleep(0)
    counting.passes.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in answers} == {DatabaseUnavailable}
    assert counting.asked == 1
    counting.is_down = False
    await index.bring_up()


def test_a_generation_is_named_after_the_rules_and_their_tokens() -> None:
    a, b = rule("a"), rule("b")
    assert name_of([a, b]) == name_of([b, a])
    changes: list[dict[str, Any]] = [
        {"id": "c"},
        {"title": "다른"},
        {"category": "다른"},
        {"text": "다른"},
        {"verified": True},
        {"vector": "'다른':1A"},
    ]
    names = {name_of([replace(a, **change), b]) for change in changes}
    assert len(names | {name_of([a, b]), name_of([a]), name_of([])}) == len(changes) + 3


def test_a_generation_is_named_after_the_code_that_makes_documents(database: Database) -> None:
    rules = [rule("a")]
    assert [Path(module.__file__).read_bytes() for module in (tokens, tsvector, documents)] == list(deciding_code())
    names = {generation_of(rules, code) for code in ([b"x", b"y"], [b"xy", b""], [b"y", b"x"], deciding_code())}
    assert len(names) == 4
    assert SearchIndex(database, rules, check_seconds=0).generation == name_of(rules) in names


async def test_documents_are_written_in_parts_that_the_time_of_a_statement_is_enough_for(
    database: Database, sql: Sql
) -> None:
    written: list[int] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO info.search_documents"):
            written.append(len(parameters))

    index = SearchIndex(database, [rule(f"r{number:04}") for number in range(1001)], check_seconds=0)
    await index.bring_up()
    articles_too = len(sql(IDS, index.generation))
    assert written == [500, 500, articles_too - 1000]
