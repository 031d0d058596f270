"""Users: how they start, what they own, and how they leave."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx2
import pytest

from eco2_service.pages import encode_cursor

REWARDS = "/api/v1/internal/characters/rewards"
ONBOARDING = "/api/v1/internal/characters/onboarding"
OWNED = "/api/v1/internal/characters/owned"
USER = "/api/v1/internal/users/user-1"
ID = "00000000-0000-4000-8000-000000000000"
Request = Callable[..., dict[str, Any]]
Sql = Callable[..., list[tuple[Any, ...]]]


async def owned(peer: httpx2.AsyncClient, user_id: str, limit: int = 50) -> list[dict[str, Any]]:
    """All pages."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query: dict[str, Any] = {"user_id": user_id, "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = await peer.get(OWNED, params=query)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        assert len(answer.json()["items"]) <= limit
        if (cursor := answer.json()["next_cursor"]) is None:
            return items


async def test_everybody_starts_with_the_default_character_once(peer: httpx2.AsyncClient) -> None:
    first = await peer.post(ONBOARDING, json={"user_id": "user-1"})
    assert first.status_code == 200
    body = first.json()
    assert (body["received"], body["already_owned"], body["reason"]) == (True, False, None)
    assert body["character"]["code"] == "eco"
    again = (await peer.post(ONBOARDING, json={"user_id": "user-1"})).json()
    assert (again["received"], again["already_owned"], again["reason"]) == (False, True, "already_owned")
    assert [(one["code"], one["source"]) for one in await owned(peer, "user-1")] == [("eco", "onboarding")]


async def test_without_a_catalogue_there_is_nothing_to_start_with(peer: httpx2.AsyncClient, sql: Sql) -> None:
    sql("UPDATE character.characters SET retired_at = now()")
    body = (await peer.post(ONBOARDING, json={"user_id": "user-1"})).json()
    assert (body["received"], body["character"], body["reason"]) == (False, None, "no_default_character")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 14, 15, 100])
async def test_owned_characters_come_in_pages_oldest_first(peer: httpx2.AsyncClient, sql: Sql, limit: int) -> None:
    # Several at one time: the cursor tells them apart.
    sql(
        "INSERT INTO character.ownerships (user_id, character_id, source, acquired_at)"
        " SELECT 'user-1', id, 'scan', '2026-01-01'::timestamptz + (row_number() OVER ()) / 4 * interval '1 us'"
        " FROM character.characters"
    )
    items = await owned(peer, "user-1", limit)
    assert len({item["code"] for item in items}) == len(items) == 15
    times = [datetime.fromisoformat(item["acquired_at"]) for item in items]
    assert times == sorted(times)
    assert await owned(peer, "user-2", limit) == []


async def test_a_retired_character_stays_with_who_has_it(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    await peer.post(REWARDS, json=reward_request())
    sql("UPDATE character.characters SET retired_at = now()")
    assert [one["code"] for one in await owned(peer, "user-1")] == ["paper-pack"]


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        encode_cursor({"code": "eco"}),
        encode_cursor({"acquired_at": "yesterday", "character": ID}),
        encode_cursor({"acquired_at": "2026-01-01T00:00:00+00:00", "character": "eco"}),
        encode_cursor({"acquired_at": "0001-01-01T00:00:00+14:00", "character": ID}),
        encode_cursor({"acquired_at": "9999-12-31T23:59:59-14:00", "character": ID}),
    ],
)
async def test_a_cursor_of_another_list_is_a_problem(peer: httpx2.AsyncClient, cursor: str) -> None:
    answer = await peer.get(OWNED, params={"user_id": "user-1", "cursor": cursor})
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/no-such-page"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"])
async def test_a_cursor_at_the_end_of_time_is_none(peer: httpx2.AsyncClient, time: str) -> None:
    cursor = encode_cursor({"acquired_at": time, "character": ID})
    assert (await peer.get(OWNED, params={"user_id": "user-1", "cursor": cursor})).status_code == 200


async def test_a_deleted_user_leaves_nothing_but_that(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    await peer.post(ONBOARDING, json={"user_id": "user-1"})
    await peer.post(REWARDS, json=reward_request())
    await peer.post(REWARDS, json=reward_request("request-2", user_id="user-2"))
    for _ in range(2):  # the saga may ask again
        answer = await peer.delete(USER)
        assert (answer.status_code, answer.content) == (204, b"")
    assert await owned(peer, "user-1") == []
    assert len(await owned(peer, "user-2")) == 1
    assert sql("SELECT user_id FROM character.rewards") == [("user-2",)]
    assert sql("SELECT user_id FROM character.deleted_users") == [("user-1",)]


async def test_a_user_that_is_not_known_can_be_deleted(peer: httpx2.AsyncClient) -> None:
    assert (await peer.delete(USER)).status_code == 204


async def test_nothing_brings_a_deleted_user_back(peer: httpx2.AsyncClient, reward_request: Request, sql: Sql) -> None:
    await peer.post(REWARDS, json=reward_request())
    await peer.delete(USER)
    requests = [(REWARDS, reward_request()), (REWARDS, reward_request("new")), (ONBOARDING, {"user_id": "user-1"})]
    for path, body in requests:
        answer = await peer.post(path, json=body)
        assert answer.status_code == 410
        assert answer.json()["type"] == "/problems/user-deleted"
    assert await owned(peer, "user-1") == []
    assert sql("SELECT count(*) FROM character.rewards") == [(0,)]
    assert 'eco2_rewards_total{result="user_deleted"} 2.0' in (await peer.get("/metrics/status")).text
