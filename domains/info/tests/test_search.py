"""The search: what is found for what people type, in which order, in pages, and how the database finds it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from sqlalchemy.dialects import postgresql

from eco2_info.entry import Entry
from eco2_info.importing import import_articles
from eco2_info.store import search
from eco2_info.tsvector import asked_tokens
from eco2_service.database import Database
from eco2_service.pages import encode_cursor
from eco2_waste_rules.knowledge import load_knowledge

SEARCH = "/api/v1/info/search"
MOST_PAGES = 50
MakeEntry = Callable[..., Entry]
Sql = Callable[..., list[tuple[Any, ...]]]


async def pages(client: httpx2.AsyncClient, **query: Any) -> AsyncIterator[list[dict[str, Any]]]:
    cursor: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = await client.get(SEARCH, params=query | cursor)
        assert answer.status_code == 200, answer.text
        yield answer.json()["items"]
        if (following := answer.json()["next_cursor"]) is None:
            return
        cursor = {"cursor": following}
    pytest.fail("pages without an end")


async def find(client: httpx2.AsyncClient, question: str) -> list[tuple[str, str]]:
    return [(hit["kind"], hit["id"]) async for page in pages(client, q=question, limit=100) for hit in page]


@pytest.mark.parametrize(
    ("question", "rule"),
    [
        ("페트병을", "clear-pet-bottle"),
        ("페트병에는 라벨이", "clear-pet-bottle"),
        ("우유", "milk-carton"),
        ("우유팩은 어떻게 버리나요?", "milk-carton"),
        ("캔", "drink-can"),
        ("건전지도", "dry-battery"),
        ("led 전구", "led-lamp"),
        ("ＬＥＤ", "led-lamp"),
    ],
)
async def test_particles_and_parts_of_words_make_no_difference(
    user: httpx2.AsyncClient, question: str, rule: str
) -> None:
    assert ("rule", rule) in (await find(user, question))[:3]


async def test_articles_and_rules_are_found_alike(user: httpx2.AsyncClient) -> None:
    found = await find(user, "보증금")
    assert {("rule", "deposit-bottle"), ("article", "bottle-deposit")} == set(found[:2])
    answer = await user.get(SEARCH, params={"q": "보증금"})
    shown = {(hit["kind"], hit["id"]): hit for hit in answer.json()["items"]}
    rule = load_knowledge().rules["deposit-bottle"]
    hit = shown["rule", "deposit-bottle"]
    assert (hit["title"], hit["category"], hit["verified"]) == (rule.title, rule.middle, rule.verified)
    assert "보증금" in hit["snippet"]
    assert shown["article", "bottle-deposit"]["category"] == "제도"


@pytest.mark.parametrize("question", ["asdf", "?!", "🙂", "쀍뛣"])
async def test_what_nothing_is_said_about_finds_nothing(user: httpx2.AsyncClient, question: str) -> None:
    assert (await user.get(SEARCH, params={"q": question})).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("question", ["' | '페트':*", "a\\b", "!(페트)", "%", "페트\u200b병"])
async def test_what_means_something_to_postgresql_means_nothing_here(user: httpx2.AsyncClient, question: str) -> None:
    assert (await user.get(SEARCH, params={"q": question})).status_code == 200


async def test_a_title_says_more_than_a_tag_and_a_tag_more_than_a_text(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry
) -> None:
    made = [
        entry("in-text", body="어쩌다 뷁끼"),
        entry("in-tag", tags=["뷁끼"]),
        entry("in-title", title="뷁끼"),
        entry("not-there"),
    ]
    await import_articles(database, made)
    assert await find(user, "뷁끼") == [("article", name) for name in ("in-title", "in-tag", "in-text")]


async def test_what_says_far_less_than_the_best_is_left_out(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry
) -> None:
    made = [entry("all", title="뷁끼 쀍뛣 궯쀓"), entry("one", body="뷁끼"), entry("two", title="뷁끼 쀍뛣")]
    await import_articles(database, made)
    assert await find(user, "뷁끼 쀍뛣 궯쀓") == [("article", "all"), ("article", "two")]
    assert ("article", "one") in await find(user, "뷁끼")


async def test_what_is_rare_decides(user: httpx2.AsyncClient, database: Database, entry: MakeEntry) -> None:
    made = [entry(f"n{number}", title="종이 모으기") for number in range(5)]
    await import_articles(database, [*made, entry("rare", title="뷁끼 모으기")])
    assert (await find(user, "종이 뷁끼"))[0] == ("article", "rare")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_hold_each_hit_once_in_the_same_order(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry, limit: int
) -> None:
    # Some say the same: they are told apart by their ids.
    made = [entry(f"n{number}", title="뷁끼", body="뷁끼 " * (1 + number // 3)) for number in range(7)]
    await import_articles(database, made)
    whole = await find(user, "뷁끼")
    assert len(whole) == 7
    found = [page async for page in pages(user, q="뷁끼", limit=limit)]
    assert all(len(page) == limit for page in found[:-1])
    assert [(hit["kind"], hit["id"]) for page in found for hit in page] == whole


async def test_an_import_is_found_at_once_and_what_it_deletes_is_not(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry
) -> None:
    assert ("article", "bottle-deposit") in await find(user, "보증금")
    known = (await user.get(SEARCH, params={"q": "보증금"})).headers["etag"]
    await import_articles(database, [entry("new", title="뷁끼")])
    assert await find(user, "뷁끼") == [("article", "new")]
    assert ("article", "bottle-deposit") not in await find(user, "보증금")
    changed = await user.get(SEARCH, params={"q": "보증금"}, headers={"if-none-match": known})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": ""},
        {"q": "x" * 201},
        {"q": "\x00"},
        {"q": "a\nb"},
        {"q": "우유", "limit": 0},
        {"q": "우유", "limit": 101},
    ],
)
async def test_a_query_that_makes_no_sense_is_a_problem(user: httpx2.AsyncClient, query: dict[str, Any]) -> None:
    answer = await user.get(SEARCH, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        encode_cursor({"id": "a"}),
        encode_cursor({"score": "NaN", "kind": "rule", "id": "a"}),
        encode_cursor({"score": "1e999999", "kind": "rule", "id": "a"}),
        encode_cursor({"score": "1", "kind": "rule", "id": "a"}),
    ],
)
async def test_a_cursor_of_another_list_is_a_problem(user: httpx2.AsyncClient, cursor: str) -> None:
    answer = await user.get(SEARCH, params={"q": "우유", "cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-page")


async def test_a_long_question_is_answered(user: httpx2.AsyncClient) -> None:
    question = "".join(rule.title.replace(" ", "") for rule in load_knowledge().rules.values())[:200]
    assert len(await find(user, question)) > 1


MANY = """
WITH words AS (
  SELECT n, ARRAY['a' || n % 997, 'b' || n % 2003, 'c' || n, '버려'] AS tokens
  FROM generate_series(1, 20000) AS n
)
INSERT INTO info.search_documents
SELECT 'other', 'article', 'n' || n, '', '', '', false, array_to_tsvector(tokens) FROM words
"""


async def test_postgresql_finds_by_the_index(database: Database, sql: Sql) -> None:
    sql("INSERT INTO info.search_generations VALUES ('other', 1, 20000)")
    sql(MANY)
    sql("ANALYZE info.search_documents")
    statement = search.hits_statement("other", {"a5": 2.0, "b7": 1.5}, after=None, limit=20)
    words = str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    plan = "\n".join(line for (line,) in sql(f"EXPLAIN {words}"))
    assert "Bitmap Index Scan on search_documents_tokens" in plan
    assert "Seq Scan" not in plan


def test_what_is_asked_are_the_longest_tokens_each_once() -> None:
    assert asked_tokens("우유 우유") == ["우유"]
    assert asked_tokens("캔") == ["캔"]
    tokens = asked_tokens("페트병을")
    assert not any(one != other and one in other for one in tokens for other in tokens)
    assert "".join(tokens)[:2] == "페트"
