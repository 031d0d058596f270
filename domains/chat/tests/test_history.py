"""The conversation so far: kept in the order of the questions, bounded, shown in pages, forgotten on request."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from support.services import identity

from eco2_service.pages import encode_cursor

CHAT = "/api/v1/chat"
HISTORY = f"{CHAT}/history"
OTHER = identity("user-2")
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


async def ask(client: httpx2.AsyncClient, message: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(CHAT, json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def everything(client: httpx2.AsyncClient, limit: int = 100) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"limit": limit}
    while True:
        page = (await client.get(HISTORY, params=query)).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_a_message_is_kept_with_its_answer(client: httpx2.AsyncClient, images: Any) -> None:
    text = await ask(client, "생수병은 어떻게 버려요?")
    identifier = images.add()
    photo = await ask(client, f"{images.url(identifier)} 이건요?")
    newest, oldest = await everything(client)
    assert (oldest["id"], oldest["kind"], oldest["image_id"]) == (text["id"], "text", None)
    assert (oldest["message"], oldest["answer"]) == ("생수병은 어떻게 버려요?", text["answer"])
    cited = [{"id": rule["id"], "title": rule["title"], "verified": rule["verified"]} for rule in text["rules"]]
    assert oldest["rules"] == cited
    assert oldest["asked_at"] <= oldest["answered_at"] <= newest["asked_at"]
    assert (newest["id"], newest["kind"], newest["image_id"]) == (photo["id"], "image", identifier)
    assert newest["message"] == f"{images.url(identifier)} 이건요?"


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_pages_hold_each_once_the_newest_first(client: httpx2.AsyncClient, limit: int) -> None:
    for number in range(5):
        await ask(client, f"안녕하세요 {number}")
    messages = [item["message"] for item in await everything(client, limit)]
    assert messages == [f"안녕하세요 {number}" for number in reversed(range(5))]


async def test_only_the_newest_are_kept(serving: Serving) -> None:
    async with serving(chat_history_kept=3) as client:
        for number in range(5):
            await ask(client, f"안녕하세요 {number}")
        await client.post(CHAT, json={"message": "안녕"}, headers=OTHER)
        assert [item["message"][-1] for item in await everything(client)] == ["4", "3", "2"]


async def test_nobody_sees_the_conversation_of_others(client: httpx2.AsyncClient) -> None:
    await ask(client, "안녕하세요")
    assert (await client.get(HISTORY, headers=OTHER)).json() == {"items": [], "next_cursor": None}
    assert (await client.delete(HISTORY, headers=OTHER)).status_code == 204
    assert len(await everything(client)) == 1


async def test_a_forgotten_conversation_is_gone(client: httpx2.AsyncClient, model_server: Any) -> None:
    for _ in range(2):
        await ask(client, "생수병은 어떻게 버려요?")
    for _ in range(2):
        answer = await client.delete(HISTORY)
        assert (answer.status_code, answer.content) == (204, b"")
        assert await everything(client) == []
    model_server.reset()
    await ask(client, "안녕하세요")
    assert all("생수병은" not in record.texts[-1] for record in model_server.requests())
    assert len(await everything(client)) == 1


async def test_who_is_not_signed_in_has_no_conversation(client: httpx2.AsyncClient) -> None:
    for method in ("GET", "DELETE"):
        answer = await client.request(method, HISTORY, headers={"x-user-id": ""})
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-signed-in")


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        encode_cursor({"id": "1"}),
        encode_cursor({"before": "x"}),
        encode_cursor({"before": "-1"}),
        encode_cursor({"before": "٣"}),
        encode_cursor({"before": str(2**63)}),
        encode_cursor({"before": "1" * 30}),
    ],
    ids=["garbage", "other list", "text", "negative", "other digits", "large", "long"],
)
async def test_a_cursor_of_another_list_is_a_problem(client: httpx2.AsyncClient, cursor: str) -> None:
    answer = await client.get(HISTORY, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-page")
