"""Answers as events, and readers who leave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.server_sent_events import Event, read_events
from support.waits import PATIENCE

from eco2_chat.places import AT_ONCE
from eco2_model_server.testing import RunningModelServer

CHAT = "/api/v1/chat"
HISTORY = f"{CHAT}/history"
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
LONG = {"rule_ids": ["clear-pet-bottle"], "text": "비우고 헹굽니다. " * 400}


@asynccontextmanager
async def asking(client: httpx2.AsyncClient, message: str, **more: Any) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of an answer; the connection ends with the block."""
    headers = {"accept": "text/event-stream"}
    async with client.stream("POST", CHAT, json={"message": message, **more}, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        yield read_events(answer)


async def kept(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(HISTORY)).json()["items"]
    return items


@pytest.mark.parametrize("with_photo", [True, False], ids=["photo", "text"])
async def test_words_come_before_the_result(client: httpx2.AsyncClient, images: Any, with_photo: bool) -> None:
    more = {"image_id": images.add()} if with_photo else {}
    async with asking(client, "생수병은 어떻게 버려요?", **more) as events:
        found = [event async for event in events]
    pieces = [data["text"] for name, data in found if name == "piece"]
    name, result = found[-1]
    assert name == "result"
    assert len(pieces) == len(found) - 1 > 1
    assert "".join(pieces) == result["answer"]
    assert result["kind"] == ("image" if with_photo else "text")
    (exchange,) = await kept(client)
    assert (exchange["id"], exchange["answer"]) == (result["id"], result["answer"])
    json = await client.post(CHAT, json={"message": "생수병은 어떻게 버려요?", **more})
    assert set(json.json()) == set(result)


async def test_words_come_while_the_rest_is_being_written(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    model_server.control(output=LONG, hang_after=200, schema="answer_generation")
    async with asking(client, "생수병은 어떻게 버려요?") as events:
        name, piece = await anext(events)
        assert name == "piece"
        assert piece["text"]
        assert model_server.requests()[-1].outcome == "pending"
        assert await kept(client) == []
        model_server.release()
        assert [name async for name, _ in events][-1] == "result"
    assert len(await kept(client)) == 1


@pytest.mark.parametrize("with_photo", [True, False], ids=["photo", "text"])
async def test_a_reader_who_leaves_ends_the_run(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer, with_photo: bool
) -> None:
    model_server.control(output=LONG, slow_seconds_per_event=0.01, schema="answer_generation")
    more = {"image_id": images.add()} if with_photo else {}
    async with asking(client, "생수병은 어떻게 버려요?", **more) as events:
        await anext(events)
    await becomes(lambda: model_server.requests()[-1].outcome == "left")
    kind = "image" if with_photo else "text"
    line = f'eco2_chat_messages_total{{kind="{kind}",result="left"}} 1.0'

    async def metrics() -> str:
        return str((await client.get("/metrics/status")).text)

    assert line in await metrics()
    assert await kept(client) == []
    # Who left may ask again: nothing is taken for good.
    async with asking(client, "안녕하세요") as events:
        assert [name async for name, _ in events][-1] == "result"
    assert len(await kept(client)) == 1


async def test_a_place_is_free_when_the_model_has_answered(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    """Not when the reader leaves: whoever comes and goes would get all the threads."""
    model_server.control(hang=True, times=AT_ONCE)
    for number in range(AT_ONCE):
        async with asking(client, "안녕하세요"):
            await becomes(lambda number=number: len(model_server.requests()) > number)
    left = f'eco2_chat_messages_total{{kind="text",result="left"}} {AT_ONCE}.0'
    async with asyncio.timeout(PATIENCE):
        while left not in (await client.get("/metrics/status")).text:
            pass
        answer = await client.post(CHAT, json={"message": "안녕하세요"})
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
        model_server.release()
        while (await client.post(CHAT, json={"message": "안녕하세요"})).status_code == 429:
            pass


async def test_a_user_has_so_many_questions_at_once(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    model_server.control(output=LONG, hang_after=200, schema="answer_generation", times=2)
    async with asyncio.TaskGroup() as tasks, asking(client, "생수병 버리는 법") as one, asking(client, "신문지") as two:
        model_server.control(hang=True, times=None)
        waiting = [tasks.create_task(client.post(CHAT, json={"message": "안녕하세요"})) for _ in range(2)]
        for events in (one,):
            await anext(events)
        await becomes(lambda: len([record for record in model_server.requests() if record.outcome == "pending"]) >= 3)
        answer = await client.post(CHAT, json={"message": "안녕하세요"})
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
        assert answer.headers["retry-after"] == "1"
        other = {"x-user-id": "user-2"}
        model_server.release()
        assert (await client.post(CHAT, json={"message": "안녕하세요"}, headers=other)).status_code == 200
        assert [(await answer).status_code for answer in waiting] == [200, 200]
        assert [name async for name, _ in one][-1] == "result"
        assert [name async for name, _ in two][-1] == "result"
    for _ in range(5):  # all are free again
        assert (await client.post(CHAT, json={"message": "안녕하세요"})).status_code == 200
