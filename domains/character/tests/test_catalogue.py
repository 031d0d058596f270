"""The catalogue: its pages, its ETag, and when it is read again."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from support import postgres as postgresql
from support.services import identity, serve

from eco2_character.application import create_app
from eco2_character.catalogue import MAX_PAGES, Catalogue, Snapshot
from eco2_character.catalogue_file import Entry
from eco2_character.importing import import_catalogue
from eco2_character.matching import Labels
from eco2_character.models import Character
from eco2_service.database import Database, DatabaseUnavailable
from eco2_service.migrations import upgrade
from eco2_service.pages import encode_cursor

CATALOG = "/api/v1/character/catalog"
COUNT = 15
MakeEntry = Callable[..., Entry]


async def pages(client: httpx2.AsyncClient, limit: int) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        answer = await client.get(CATALOG, params={"limit": limit} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        yield answer.json()
        if (cursor := answer.json()["next_cursor"]) is None:
            return


async def test_a_signed_in_user_sees_all_characters_by_code(user: httpx2.AsyncClient) -> None:
    answer = await user.get(CATALOG)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["next_cursor"] is None
    codes = [item["code"] for item in body["items"]]
    assert codes == sorted(codes)
    assert len(codes) == COUNT
    shown = {item["code"]: item for item in body["items"]}
    assert shown["butane-can"]["match"] == {
        "major_category": "재활용폐기물",
        "middle_category": "금속류",
        "minor_category": "부탄가스·살충제 용기",
    }
    assert shown["eco"]["match"]["middle_category"] is None
    assert [code for code, item in shown.items() if item["is_default"]] == ["eco"]
    assert {"name", "type", "dialog", "description"} <= set(shown["eco"])


async def test_nobody_else_sees_them(peer: httpx2.AsyncClient) -> None:
    answer = await peer.get(CATALOG)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("limit", [1, 4, 5, 14, 15, 100])
async def test_pages_hold_each_character_once(user: httpx2.AsyncClient, limit: int) -> None:
    found = [page["items"] async for page in pages(user, limit)]
    assert [len(items) for items in found[:-1]] == [limit] * (len(found) - 1)
    codes = [item["code"] for items in found for item in items]
    assert codes == sorted(set(codes))
    assert len(codes) == COUNT


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 101}, 422),
        ({"limit": "many"}, 422),
        ({"cursor": "!"}, 404),
        ({"cursor": encode_cursor({"id": "eco"})}, 404),
    ],
)
async def test_a_query_that_makes_no_sense_is_a_problem(
    user: httpx2.AsyncClient, query: dict[str, str], status: int
) -> None:
    answer = await user.get(CATALOG, params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_that_the_client_has_is_not_sent_again(user: httpx2.AsyncClient) -> None:
    first = await user.get(CATALOG)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    for sent in ([etag], ["*"], [f"W/{etag}"], ['"other"', etag], [f'"other", {etag}']):
        again = await user.get(CATALOG, headers=[("if-none-match", value) for value in sent])
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):  # RFC 9110, section 15.4.5
            assert again.headers[name] == first.headers[name]
        assert "content-type" not in again.headers
    assert (await user.get(CATALOG, headers={"if-none-match": '"other"'})).content == first.content


async def test_only_the_users_own_cache_keeps_it(user: httpx2.AsyncClient) -> None:
    headers = (await user.get(CATALOG)).headers
    assert headers["cache-control"] == "private, max-age=60"
    assert headers["vary"] == "Authorization, Cookie"


async def test_the_same_bytes_have_the_same_etag_and_others_another(user: httpx2.AsyncClient) -> None:
    seen: dict[str, bytes] = {}
    for query in ({}, {"limit": "5"}, {"limit": "6"}, {"limit": "5", "cursor": encode_cursor({"code": "can"})}):
        for _ in range(2):
            answer = await user.get(CATALOG, params=query)
            assert seen.setdefault(answer.headers["etag"], answer.content) == answer.content
    assert len(seen) == len(set(seen.values())) == 4


async def test_an_import_changes_the_etag_and_going_back_restores_it(
    user: httpx2.AsyncClient, database: Database, entry: MakeEntry
) -> None:
    only = [entry("only", is_default=True)]
    await import_catalogue(database, only)
    first = await user.get(CATALOG)
    assert [item["code"] for item in first.json()["items"]] == ["only"]
    await import_catalogue(database, [entry("only", is_default=True, name="새 이름")])
    second = await user.get(CATALOG, headers={"if-none-match": first.headers["etag"]})
    assert second.status_code == 200
    assert second.json()["items"][0]["name"] == "새 이름"
    await import_catalogue(database, only)
    again = await user.get(CATALOG, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


CODES = st.lists(st.text("abc-", min_size=1, max_size=3), unique=True, max_size=8)


def character(code: str, name: str) -> Character:
    return Character(
        id=uuid.UUID(int=0),
        code=code,
        name=name,
        type="",
        dialog="",
        description=None,
        match=Labels(code),
        is_default=False,
        is_retired=False,
    )


@examples(max_examples=200, derandomize=True, deadline=None)
@given(CODES, CODES, st.none() | st.text("abc-"), st.integers(1, 9), st.randoms(use_true_random=False))
def test_laws_of_the_etag(one: list[str], other: list[str], after: str | None, limit: int, random: Any) -> None:
    first = Snapshot(1, [character(code, code) for code in one]).page(after, limit)
    shuffled = Snapshot(2, [character(code, code) for code in random.sample(one, len(one))]).page(after, limit)
    assert first == shuffled  # neither the version nor the order of rows is in it
    second = Snapshot(1, [character(code, code) for code in other]).page(after, limit)
    assert (first.etag == second.etag) is (first.body == second.body)
    assert first.etag.strip('"') == hashlib.sha256(first.body).hexdigest()[:32]


def test_pages_are_kept_and_no_cursor_makes_more_of_them() -> None:
    snapshot = Snapshot(1, [character(code, code) for code in ("b", "d")])
    assert snapshot.page("a", 5) is snapshot.page("", 5) is snapshot.page(None, 5)
    assert snapshot.page("x", 5) is snapshot.page("y", 5)
    assert snapshot.page(None, 1000) is snapshot.page(None, 100)


def test_only_so_many_pages_are_kept() -> None:
    snapshot = Snapshot(1, [character(f"{number:03}", "x") for number in range(MAX_PAGES)])
    for after in range(MAX_PAGES):
        for limit in (1, 2):
            snapshot.page(f"{after:03}", limit)
    assert len(snapshot._pages) <= MAX_PAGES
    assert snapshot.page(None, 1) is snapshot.page(None, 1)


class Counting(Database):
    """Counts how often the catalogue is asked for its version, and can be told to stop or to fail."""

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


async def test_the_version_is_asked_for_once_in_a_while(counting: Counting, entry: MakeEntry) -> None:
    clock = Clock()
    catalogue = Catalogue(counting, check_seconds=2, clock=clock)
    first = await catalogue.current()
    clock.now += 1.9
    assert await catalogue.current() is first
    assert counting.asked == 1
    clock.now += 0.2
    assert await catalogue.current() is first  # the same version: the rows are not read again
    assert counting.asked == 2
    await import_catalogue(counting, [entry("only", is_default=True)])
    assert await catalogue.current() is first
    clock.now += 2
    assert (await catalogue.current()).version == first.version + 1


async def test_all_that_come_at_once_wait_for_one_first_answer(counting: Counting) -> None:
    catalogue = Catalogue(counting, check_seconds=2, clock=Clock())
    counting.passes.clear()
    tasks = [asyncio.create_task(catalogue.current()) for _ in range(50)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # who asks goes away, and the next one asks
    await asyncio.sleep(0)
    counting.passes.set()
    gone, *found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert len(set(map(id, found))) == 1
    assert isinstance(found[0], Snapshot)
    assert counting.asked == 2


async def test_all_that_come_at_once_hear_that_there_is_no_first_answer(counting: Counting) -> None:
    catalogue = Catalogue(counting, check_seconds=2, clock=Clock())
    counting.is_down = True
    counting.passes.clear()
    tasks = [asyncio.create_task(catalogue.current()) for _ in range(50)]
    await asyncio.sleep(0)
    counting.passes.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in found} == {DatabaseUnavailable}
    assert counting.asked == 1
    counting.is_down = False
    assert isinstance(await catalogue.current(), Snapshot)


async def test_while_one_asks_for_the_version_the_others_do_not_wait(counting: Counting) -> None:
    clock = Clock()
    catalogue = Catalogue(counting, check_seconds=2, clock=clock)
    first = await catalogue.current()
    clock.now += 3
    counting.passes.clear()
    slow = asyncio.create_task(catalogue.current())
    await asyncio.sleep(0)
    assert await catalogue.current() is first
    counting.passes.set()
    assert await slow is first
    assert counting.asked == 2


async def test_without_the_database_the_last_catalogue_stays(counting: Counting) -> None:
    clock = Clock()
    catalogue = Catalogue(counting, check_seconds=2, clock=clock)
    counting.is_down = True
    with pytest.raises(DatabaseUnavailable):
        await catalogue.current()
    counting.is_down = False
    first = await catalogue.current()
    counting.is_down = True
    clock.now += 3
    assert await catalogue.current() is first
    assert await catalogue.current() is first
    assert counting.asked == 3  # a database that is down is not asked at each request either


async def test_the_service_answers_from_memory_while_postgresql_is_down(settings: Any) -> None:
    with postgresql.running() as server, server.database() as url:
        its_settings = settings(database_url=url)
        await asyncio.to_thread(upgrade, "eco2_character", url)
        async with serve(create_app(its_settings), headers=identity("user-1")) as client:
            known = await client.get(CATALOG)
            assert known.status_code == 200
            server.kill()
            assert (await client.get(CATALOG)).content == known.content
            assert (await client.get("/ready")).status_code == 503
        async with serve(create_app(its_settings), headers=identity("user-1")) as client:
            assert (await client.get(CATALOG)).status_code == 503
