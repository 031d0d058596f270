"""Articles: listed newest first, in pages, by category and tag, and read one by one."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from eco2_info.entry import Entry
from eco2_info.importing import import_articles
from eco2_service.database import Database
from eco2_service.pages import encode_cursor

ARTICLES = "/api/v1/info/articles"
FIRST = 14
MOST_PAGES = 50
MakeEntry = Callable[..., Entry]


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


async def pages(client: httpx2.AsyncClient, **query: Any) -> AsyncIterator[list[dict[str, Any]]]:
    cursor: dict[str, str] = {}
    for _ in range(MOST_PAGES):
        answer = await client.get(ARTICLES, params=query | cursor)
        assert answer.status_code == 200, answer.text
        yield answer.json()["items"]
        if (following := answer.json()["next_cursor"]) is None:
            return
        cursor = {"cursor": following}
    pytest.fail("pages without an end")


async def ids(client: httpx2.AsyncClient, **query: Any) -> list[str]:
    return [item["id"] async for page in pages(client, **query) for item in page]


@pytest.fixture
async def seven(database: Database, entry: MakeEntry) -> list[str]:
    """Seven articles of three days; their ids as they are listed."""
    days = {"a": "01", "b": "03", "c": "01", "d": "02", "e": "03", "f": "03", "g": "02"}
    made = [
        entry(
            name,
            published_on=f"2026-01-{day}",
            category="품목" if name in "abc" else "제도",
            tags=["종이", "우유팩"] if name in "bcd" else ["종이"],
        )
        for name, day in days.items()
    ]
    await import_articles(database, made)
    return ["f", "e", "b", "g", "d", "c", "a"]


async def test_the_first_articles_are_there_with_their_sources(user: httpx2.AsyncClient) -> None:
    listed = [item async for page in pages(user) for item in page]
    assert len(listed) == FIRST
    for card in listed:
        article = (await user.get(f"{ARTICLES}/{card['id']}")).json()
        assert {name: article[name] for name in card} == card
        assert article["body"]
        assert article["sources"]
        if article["verified"]:  # nothing is verified by what was not read
            assert all(source["verified"] for source in article["sources"])
    assert not all(card["verified"] for card in listed)


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 100])
async def test_pages_hold_each_article_once_newest_first(
    user: httpx2.AsyncClient, seven: list[str], limit: int
) -> None:
    found = [[item["id"] for item in page] async for page in pages(user, limit=limit)]
    assert all(len(page) == limit for page in found[:-1])
    assert [name for page in found for name in page] == seven


async def test_pages_go_on_where_they_ended_whatever_comes_and_goes(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry, seven: list[str]
) -> None:
    first = (await user.get(ARTICLES, params={"limit": 3})).json()
    stay = [entry(name, published_on="2026-01-01") for name in "ac"] + [entry("d", published_on="2026-01-02")]
    await import_articles(database, [*stay, entry("new", published_on="2026-02-01")])
    rest = (await user.get(ARTICLES, params={"cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == ["d", "c", "a"]


async def test_those_of_a_category_or_with_a_tag(user: httpx2.AsyncClient, seven: list[str]) -> None:
    assert await ids(user, category="품목") == ["b", "c", "a"]
    assert await ids(user, tag="우유팩", limit=2) == ["b", "d", "c"]
    assert await ids(user, category="품목", tag="우유팩", limit=1) == ["b", "c"]
    assert await ids(user, category="우유팩") == await ids(user, tag="품") == []


async def test_what_is_not_there_is_a_problem(user: httpx2.AsyncClient) -> None:
    assert_problem(await user.get(f"{ARTICLES}/no-such-article"), 404, "article-unknown")
    assert_problem(await user.get(f"{ARTICLES}/Nö"), 422, "invalid-request")


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 101}, {"category": ""}, {"tag": "x" * 31}, {"tag": "\x00"}, {"category": "a\x85b"}],
)
async def test_a_query_that_makes_no_sense_is_a_problem(user: httpx2.AsyncClient, query: dict[str, Any]) -> None:
    assert_problem(await user.get(ARTICLES, params=query), 422, "invalid-request")


@pytest.mark.parametrize(
    "cursor",
    ["!", encode_cursor({"id": "a"}), encode_cursor({"published_on": "yesterday", "id": "a"})],
)
async def test_a_cursor_of_another_list_is_a_problem(user: httpx2.AsyncClient, cursor: str) -> None:
    assert_problem(await user.get(ARTICLES, params={"cursor": cursor}), 404, "no-such-page")


async def test_an_import_changes_the_etag_and_going_back_restores_it(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry
) -> None:
    await import_articles(database, [entry("only")])
    for path in (ARTICLES, f"{ARTICLES}/only"):
        known = {"if-none-match": (await user.get(path)).headers["etag"]}
        await import_articles(database, [entry("only", title="새 제목")])
        assert (await user.get(path, headers=known)).status_code == 200
        await import_articles(database, [entry("only")])
        assert (await user.get(path, headers=known)).status_code == 304
