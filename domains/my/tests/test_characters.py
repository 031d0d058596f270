"""GET /me/characters: what the domain character says, or that it says nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from starlette.responses import JSONResponse, Response
from support.other_domains import OtherDomains
from support.services import identity, serve

from eco2_my.application import create_app

CHARACTERS = "/api/v1/user/me/characters"
UNAVAILABLE = {"items": [], "next_cursor": None, "complete": False, "unavailable": ["character"]}
OWNED = {
    "code": "paper-pack",
    "name": "팩이",
    "type": "종이팩",
    "dialog": "잘 말려 줘!",
    "source": "scan",
    "acquired_at": "2026-01-02T03:04:05Z",
}


async def test_a_page_of_characters(client: httpx2.AsyncClient, push: Any, domains: OtherDomains) -> None:
    await push()
    domains.characters = JSONResponse({"items": [OWNED | {"newer": 7}], "next_cursor": "next"})
    answer = await client.get(CHARACTERS, params={"limit": 1, "cursor": "this"})
    assert answer.json() == {"items": [OWNED], "next_cursor": "next", "complete": True, "unavailable": []}
    assert domains.queries == [{"user_id": "user-1", "limit": "1", "cursor": "this"}]


async def test_who_is_not_known(client: httpx2.AsyncClient, domains: OtherDomains) -> None:
    assert (await client.get(CHARACTERS)).status_code == 404
    assert domains.queries == []


@pytest.mark.parametrize("status", [401, 404, 422, 500, 503])
async def test_character_in_trouble(client: httpx2.AsyncClient, push: Any, domains: OtherDomains, status: int) -> None:
    await push()
    domains.trouble["character"] = status
    answer = await client.get(CHARACTERS)
    assert (answer.status_code, answer.json()) == (200, UNAVAILABLE)
    del domains.trouble["character"]
    assert (await client.get(CHARACTERS)).json()["complete"] is True


@pytest.mark.parametrize(
    "answer", [Response("<html>"), JSONResponse([]), JSONResponse({"items": [{"code": 1}], "next_cursor": None})]
)
async def test_an_answer_that_is_not_understood(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains, answer: Response
) -> None:
    await push()
    domains.characters = answer
    assert (await client.get(CHARACTERS)).json() == UNAVAILABLE


async def test_a_cursor_that_is_not_characters(client: httpx2.AsyncClient, push: Any, domains: OtherDomains) -> None:
    await push()
    domains.characters = JSONResponse({"type": "/problems/no-such-page"}, 404)
    answer = await client.get(CHARACTERS, params={"cursor": "other"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-page")


async def test_character_says_nothing(client: httpx2.AsyncClient, push: Any, domains: OtherDomains) -> None:
    await push()
    domains.silent.add("character")
    assert (await client.get(CHARACTERS)).json() == UNAVAILABLE


async def test_after_some_failures_character_is_left_alone(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains
) -> None:
    await push()
    domains.trouble["character"] = 503
    for _ in range(6):
        assert (await client.get(CHARACTERS)).json() == UNAVAILABLE
    asked = len(domains.queries)
    assert (await client.get(CHARACTERS)).json() == UNAVAILABLE
    assert len(domains.queries) == asked


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:9"])
async def test_there_is_no_character(
    make_settings: Callable[..., Any], push: Callable[..., Awaitable[Any]], url: str | None
) -> None:
    async with serve(create_app(make_settings(character_url=url)), headers=identity("user-1")) as client:
        await push(client=client)
        assert (await client.get(CHARACTERS)).json() == UNAVAILABLE
