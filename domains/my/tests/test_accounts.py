"""GET /me/accounts."""

from typing import Any

import httpx2
import pytest

from eco2_service.pages import encode_cursor

ACCOUNTS = "/api/v1/user/me/accounts"


async def test_accounts_come_in_pages_in_the_order_of_auth(client: httpx2.AsyncClient, push: Any) -> None:
    await push(*({"provider": provider} for provider in ("google", "kakao", "naver", "kakao", "google")))
    found, cursor = [], None
    for _ in range(3):
        page = (await client.get(ACCOUNTS, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        found += [account["provider"] for account in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert found == ["google", "kakao", "naver", "kakao", "google"]


async def test_a_user_without_accounts(client: httpx2.AsyncClient, push: Any) -> None:
    await push()
    answer = await client.put(
        "/api/v1/internal/users/user-1",
        json={"version": 2, "accounts": []},
        headers={"authorization": "Bearer a-service-token-for-tests-0123456789"},
    )
    assert answer.status_code == 204
    assert (await client.get(ACCOUNTS)).json() == {"items": [], "next_cursor": None}


async def test_accounts_of_who_is_not_known(client: httpx2.AsyncClient) -> None:
    assert (await client.get(ACCOUNTS)).status_code == 404


@pytest.mark.parametrize("limit", [0, 101, "x"])
async def test_what_is_no_limit(client: httpx2.AsyncClient, push: Any, limit: int | str) -> None:
    await push()
    assert (await client.get(ACCOUNTS, params={"limit": limit})).status_code == 422


@pytest.mark.parametrize("key", [{"after": "x"}, {"after": "-1"}, {"after": "99999"}, {"since": "1"}])
async def test_what_is_no_page(client: httpx2.AsyncClient, push: Any, key: dict[str, str]) -> None:
    await push()
    answer = await client.get(ACCOUNTS, params={"cursor": encode_cursor(key)})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-page")
