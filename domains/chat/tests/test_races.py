"""Messages, deletions and failures at once."""

import asyncio
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.postgres import Postgres
from support.server_sent_events import read_events
from support.services import identity, service_token

from eco2_model_server.testing import RunningModelServer

CHAT = "/api/v1/chat"
HISTORY = f"{CHAT}/history"
USER = "/api/v1/internal/users/user-1"
EVENTS = {"accept": "text/event-stream"}
NO_ROOM = (
    "CREATE FUNCTION chat.no_room() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$",
    "CREATE TRIGGER no_room BEFORE DELETE ON chat.exchanges FOR EACH STATEMENT EXECUTE FUNCTION chat.no_room()",
)
"""The second statement of the transaction that keeps an answer fails."""


async def messages(client: httpx2.AsyncClient) -> list[str]:
    return [item["message"] for item in (await client.get(HISTORY)).json()["items"]]


def ask(client: httpx2.AsyncClient, message: str) -> asyncio.Task[httpx2.Response]:
    return asyncio.create_task(client.post(CHAT, json={"message": message}))


async def hanging(client: httpx2.AsyncClient, model_server: RunningModelServer) -> asyncio.Task[httpx2.Response]:
    """A message whose answer waits for `model_server.release`."""
    model_server.control(hang=True)
    task = ask(client, "먼저")
    await becomes(lambda: model_server.requests())
    return task


async def test_the_order_is_that_of_the_questions(client: httpx2.AsyncClient, model_server: RunningModelServer) -> None:
    first = await hanging(client, model_server)
    assert (await ask(client, "나중")).status_code == 200
    assert await messages(client) == ["나중"]
    model_server.release()
    assert (await first).status_code == 200
    assert await messages(client) == ["나중", "먼저"]


async def test_many_at_once_are_all_kept(client: httpx2.AsyncClient) -> None:
    sent = [f"안녕하세요 {number}" for number in range(12)]
    for start in range(0, len(sent), 4):
        answers = await asyncio.gather(*(ask(client, text) for text in sent[start : start + 4]))
        assert {answer.status_code for answer in answers} == {200}
    items = (await client.get(HISTORY)).json()["items"]
    assert {item["message"] for item in items} == set(sent)
    asked = [item["asked_at"] for item in items]
    assert asked == sorted(asked, reverse=True)


async def test_what_is_under_way_when_the_history_is_deleted_is_not_kept(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    first = await hanging(client, model_server)
    assert (await client.delete(HISTORY)).status_code == 204
    model_server.release()
    answer = await first
    assert (answer.status_code, answer.json()["id"]) == (200, None)
    assert answer.json()["answer"]
    assert await messages(client) == []
    assert (await ask(client, "나중")).json()["id"]


@pytest.mark.parametrize("stream", [True, False], ids=["events", "json"])
async def test_a_deleted_user_gets_nothing_back(
    client: httpx2.AsyncClient, model_server: RunningModelServer, stream: bool
) -> None:
    await ask(client, "이전")
    await client.post(CHAT, json={"message": "남의 것"}, headers=identity("user-2"))
    model_server.reset()
    model_server.control(hang=True)
    headers = EVENTS if stream else {}
    first = asyncio.create_task(client.post(CHAT, json={"message": "먼저"}, headers=headers))
    await becomes(lambda: model_server.requests())
    assert (await client.delete(USER)).status_code == 401
    for _ in range(2):  # whoever asks may ask again
        assert (await client.delete(USER, headers=service_token())).status_code == 204
    model_server.release()
    answer = await first
    if stream:
        *_, (name, problem) = [event async for event in read_events(answer)]
        assert (name, problem["status"], problem["type"]) == ("error", 410, "/problems/user-deleted")
    else:
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/user-deleted")
    assert await messages(client) == []
    model_server.reset()
    again = await ask(client, "다시")
    assert (again.status_code, again.json()["type"]) == (410, "/problems/user-deleted")
    assert (await client.delete(HISTORY)).status_code == 204
    assert (await ask(client, "다시")).status_code == 410
    assert model_server.requests() == []  # nobody pays for what will not be given
    other = (await client.get(HISTORY, headers=identity("user-2"))).json()["items"]
    assert [item["message"] for item in other] == ["남의 것"]


async def test_nothing_is_left_of_a_deleted_user_but_the_id(
    client: httpx2.AsyncClient, postgres: Postgres, database_url: str
) -> None:
    await ask(client, "이전")
    await client.delete(USER, headers=service_token())
    name = database_url.rsplit("/", 1)[1]
    assert postgres.execute("SELECT * FROM chat.exchanges", database=name) == []
    rows = postgres.execute("SELECT user_id, is_deleted FROM chat.conversations", database=name)
    assert rows == [("user-1", True)]


async def test_a_user_that_was_never_here_can_be_deleted(client: httpx2.AsyncClient) -> None:
    assert (await client.delete("/api/v1/internal/users/user-9", headers=service_token())).status_code == 204
    answer = await client.post(CHAT, json={"message": "안녕하세요"}, headers=identity("user-9"))
    assert answer.status_code == 410


@pytest.mark.parametrize("stream", [True, False], ids=["events", "json"])
async def test_an_answer_that_cannot_be_kept_is_none(
    client: httpx2.AsyncClient, postgres: Postgres, database_url: str, stream: bool
) -> None:
    name = database_url.rsplit("/", 1)[1]
    for statement in NO_ROOM:
        postgres.execute(statement, database=name)
    answer: Any = await client.post(CHAT, json={"message": "안녕하세요"}, headers=EVENTS if stream else {})
    if stream:
        events = [event async for event in read_events(answer)]
        assert "result" not in {name for name, _ in events}
        assert (events[-1][0], events[-1][1]["type"]) == ("error", "/problems/database-unavailable")
    else:
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
    assert await messages(client) == []
    metrics = (await client.get("/metrics/status")).text
    assert 'eco2_chat_messages_total{kind="text",result="error"} 1.0' in metrics
