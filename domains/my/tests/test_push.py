"""PUT /api/v1/internal/users/{id}: what auth tells at each login."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

ME = "/api/v1/user/me"


async def test_only_domains_may(client: httpx2.AsyncClient) -> None:
    body = {"version": 1, "accounts": []}
    for headers in ({}, {"authorization": "Bearer someone-elses-token"}):
        answer = await client.put("/api/v1/internal/users/user-1", json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/no-service-token")


async def test_the_newest_stays_in_whatever_order_they_come(client: httpx2.AsyncClient, push: Any) -> None:
    for version in (2, 1, 2, 3, 3):
        assert (await push({"email": f"v{version}@example.com"}, version=version)).status_code == 204
    assert (await client.get(ME)).json()["email"] == "v3@example.com"
    assert (await client.get(ME)).headers["etag"] == '"2"'  # only what was new has changed it


async def test_many_at_once(client: httpx2.AsyncClient, push: Any, sql: Callable[..., Any]) -> None:
    versions = [3, 1, 9, 2, 8, 4, 7, 5, 6]
    pushes = [push(*({"email": f"v{version}@example.com"},) * version, version=version) for version in versions]
    assert {answer.status_code for answer in await asyncio.gather(*pushes)} == {204}
    assert (await client.get(ME)).json()["email"] == "v9@example.com"
    assert sql("SELECT count(*) FROM my.accounts") == [(9,)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": "1", "accounts": []},
        {"version": -1, "accounts": []},
        {"version": 2**53, "accounts": []},
        {"version": 1, "accounts": [{}]},
        [],
    ],
)
async def test_what_is_no_push(client: httpx2.AsyncClient, body: object) -> None:
    headers = {"authorization": "Bearer a-service-token-for-tests-0123456789"}
    answer = await client.put("/api/v1/internal/users/user-1", json=body, headers=headers)
    assert answer.status_code == 422


async def test_the_most_there_can_be(client: httpx2.AsyncClient, push: Any) -> None:
    text = "가" * 2048
    account = {"email": text, "nickname": text, "picture": text}
    assert (await push(*(account,) * 100, user_id="x" * 128, version=2**53 - 1)).status_code == 204
    assert (await push(*({},) * 101, version=2)).status_code == 422
