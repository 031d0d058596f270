"""What goes wrong on the way to an answer: a photo is answered with a text that asks to try again, a text is a problem.

Nothing of either is kept.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs
from support.aio import becomes
from support.server_sent_events import read_events
from support.services import identity

from eco2_model_server.testing import API_KEY, RunningModelServer

CHAT = "/api/v1/chat"
HISTORY = f"{CHAT}/history"
EVENTS = {"accept": "text/event-stream"}
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]
Changes = dict[str, Any]

FAILURES: dict[str, tuple[dict[str, Any], Changes, int, str, str]] = {
    "500": ({"status": 500}, {}, 503, "model-unavailable", "model_unavailable"),
    "429": ({"status": 429, "retry_after": 6.2}, {}, 503, "model-rate-limited", "rate_limited"),
    "quiet 429": ({"status": 429}, {}, 503, "model-rate-limited", "rate_limited"),
    "malformed": ({"malformed": True}, {}, 502, "model-failed", "model_failed"),
    "another object": ({"output": {"x": 1}}, {}, 502, "model-failed", "model_failed"),
    "refusal": ({"refusal": "I cannot help with that."}, {}, 422, "message-refused", "refused"),
    "hang": ({"hang": True}, {"pipeline_timeout_seconds": 0.3}, 504, "model-timed-out", "timed_out"),
    "wrong key": ({"status": 401}, {}, 503, "model-not-configured", "model_unavailable"),
    "no key": ({}, {"openai_api_key": None}, 503, "model-not-configured", "model_unavailable"),
}  # fmt: skip


@pytest.fixture(params=list(FAILURES))
def failure(request: pytest.FixtureRequest, model_server: RunningModelServer) -> tuple[Changes, int, str, str]:
    trouble, changes, *expected = FAILURES[request.param]
    if trouble:
        model_server.control({**trouble, "times": None})
    return (changes, *expected)  # type: ignore[return-value]


async def counted(client: httpx2.AsyncClient, kind: str, result: str) -> bool:
    metrics = (await client.get("/metrics/status")).text
    return f'eco2_chat_messages_total{{kind="{kind}",result="{result}"}} 1.0' in metrics


async def nothing_is_kept(client: httpx2.AsyncClient) -> bool:
    return bool((await client.get(HISTORY)).json()["items"] == [])


async def test_a_text_without_answer_is_a_problem(serving: Serving, failure: tuple[Changes, int, str, str]) -> None:
    changes, status, slug, reason = failure
    async with serving(**changes) as client:
        answer = await client.post(CHAT, json={"message": "생수병 어떻게 버려요?"})
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}"), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("retry-after" in answer.headers) is (status == 503)
        assert await counted(client, "text", reason)
        assert await nothing_is_kept(client)


async def test_in_a_stream_it_is_an_event(serving: Serving, failure: tuple[Changes, int, str, str]) -> None:
    changes, status, slug, reason = failure
    async with serving(**changes) as client:
        answer = await client.post(CHAT, json={"message": "생수병 어떻게 버려요?"}, headers=EVENTS)
        assert answer.status_code == 200
        *_, (name, problem) = [event async for event in read_events(answer)]
        assert (name, problem["type"], problem["status"]) == ("error", f"/problems/{slug}", status)
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert ("retry_after" in problem) is (status == 503)
        assert await counted(client, "text", reason)
        assert await nothing_is_kept(client)


async def test_a_photo_without_answer_asks_to_try_again(
    serving: Serving, images: Any, failure: tuple[Changes, int, str, str]
) -> None:
    changes, _, _, reason = failure
    async with serving(**changes) as client:
        answer = await client.post(CHAT, json={"message": "이거요", "image_id": images.add()})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["kind"], body["failed"], body["reason"], body["id"]) == ("image", True, reason, None)
        assert "다시 시도해 주세요" in body["answer"]
        assert (body["vision"], body["rules"]) == (None, [])
        assert await counted(client, "image", reason)
        assert await nothing_is_kept(client)


async def test_a_photo_in_a_stream_ends_with_the_same(
    serving: Serving, images: Any, failure: tuple[Changes, int, str, str]
) -> None:
    changes, _, _, reason = failure
    async with serving(**changes) as client:
        body = {"message": "이거요", "image_id": images.add()}
        answer = await client.post(CHAT, json=body, headers=EVENTS)
        *_, (name, result) = [event async for event in read_events(answer)]
        assert (name, result["failed"], result["reason"], result["id"]) == ("result", True, reason, None)
        assert "다시 시도해 주세요" in result["answer"]
        assert await nothing_is_kept(client)


async def test_when_to_come_back_is_passed_on(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    model_server.control(status=429, retry_after=6.2, times=None)
    text = await client.post(CHAT, json={"message": "안녕하세요"})
    assert text.headers["retry-after"] == "7"
    photo = await client.post(CHAT, json={"message": "이거요", "image_id": images.add()})
    assert (photo.headers["retry-after"], photo.json()["retry_after"]) == ("7", 7)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_bytes_that_are_no_photo_ask_for_another(client: httpx2.AsyncClient, images: Any, accept: str) -> None:
    body = {"message": "이거요", "image_id": images.add(b"no photo")}
    answer = await client.post(CHAT, json=body, headers={"accept": accept})
    assert "image_invalid" in answer.text
    assert "다른 사진" in answer.text
    assert await counted(client, "image", "image_invalid")


@pytest.mark.parametrize(
    ("trouble", "by_id"),
    [("503", True), ("401", True), ("200", False), ("silent", False), ("none", True)],
    ids=["down", "refuses us", "no object", "silent", "not there"],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_photo_that_cannot_be_had_asks_to_try_again(
    serving: Serving,
    images: Any,
    monkeypatch: pytest.MonkeyPatch,
    model_server: RunningModelServer,
    trouble: str,
    by_id: bool,
    accept: str,
) -> None:
    monkeypatch.setattr("eco2_chat.resources.IMAGE_SECONDS", 0.2)
    identifier = images.add()
    body = {"message": "이건요?", "image_id": identifier} if by_id else {"message": f"{images.url(identifier)} 이건요?"}
    images.silent = trouble == "silent"
    images.trouble = int(trouble) if trouble.isdecimal() else None
    async with serving(**({"image_url": None} if trouble == "none" else {})) as client:
        answer = await client.post(CHAT, json=body, headers={"accept": accept})
        assert answer.status_code == 200
        assert '"failed":true' in answer.text
        assert '"reason":"image_unavailable"' in answer.text
        assert "다시 시도해 주세요" in answer.text
        assert await counted(client, "image", "image_unavailable")
        assert await nothing_is_kept(client)
        images.silent = False
    assert model_server.requests() == []


async def test_a_photo_fails_after_the_first_words(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    long = {"rule_ids": ["clear-pet-bottle"], "text": "비우고 헹굽니다. " * 40}
    model_server.control(output=long, cut_stream=60, schema="answer_generation")
    answer = await client.post(CHAT, json={"message": "이거요", "image_id": images.add()}, headers=EVENTS)
    events = [event async for event in read_events(answer)]
    assert [name for name, _ in events[:-1]] == ["piece"] * (len(events) - 1)
    assert len(events) > 1
    assert (events[-1][0], events[-1][1]["reason"]) == ("result", "model_unavailable")


async def test_when_all_places_are_taken_others_are_asked_to_come_back(
    serving: Serving, images: Any, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    async with serving(chat_workers=1, chat_waiting=0) as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post(CHAT, json={"message": "안녕하세요"}))
        await becomes(lambda: model_server.requests())
        text = await client.post(CHAT, json={"message": "안녕하세요"}, headers=identity("user-2"))
        assert (text.status_code, text.json()["type"]) == (503, "/problems/busy")
        assert text.headers["retry-after"]
        stream = await client.post(CHAT, json={"message": "안녕하세요"}, headers={**identity("user-2"), **EVENTS})
        assert [(name, data["type"]) async for name, data in read_events(stream)] == [("error", "/problems/busy")]
        photo = await client.post(
            CHAT,
            json={"message": "이거요", "image_id": images.add(user_id="user-2")},
            headers=identity("user-2"),
        )
        assert photo.json()["reason"] == "busy"
        model_server.release()
        assert (await first).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_only_so_many_photos_are_in_memory(
    serving: Serving, images: Any, model_server: RunningModelServer, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr("eco2_chat.places.PHOTO_SECONDS", 0.05)
    headers = {**identity("user-2"), "accept": accept}
    model_server.control(hang=True)
    async with serving(chat_photos=1) as client, asyncio.TaskGroup() as tasks:
        body = {"message": "이거요", "image_id": images.add()}
        first = tasks.create_task(client.post(CHAT, json=body, headers={"accept": accept}))
        await becomes(lambda: model_server.requests())
        read = len(images.asked)
        theirs = images.add(user_id="user-2")
        second = await client.post(CHAT, json={"message": "이거요", "image_id": theirs}, headers=headers)
        assert '"reason":"busy"' in second.text
        assert "다시 시도해 주세요" in second.text
        assert len(images.asked) == read  # its bytes were not read
        assert await counted(client, "image", "busy")
        text = await client.post(CHAT, json={"message": "안녕하세요"}, headers=identity("user-2"))
        assert text.status_code == 200
        model_server.release()
        assert '"failed":false' in (await first).text
        monkeypatch.setattr("eco2_chat.places.PHOTO_SECONDS", 60.0)  # free again, as soon as the first one has ended
        again = await client.post(CHAT, json={"message": "이거요", "image_id": theirs}, headers=headers)
        assert '"failed":false' in again.text


async def test_a_text_that_was_refused_may_be_followed_by_another(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    model_server.control(refusal="no")
    assert (await client.post(CHAT, json={"message": "첫 번째"})).status_code == 422
    assert (await client.post(CHAT, json={"message": "안녕하세요"})).status_code == 200
    assert all("첫 번째" not in record.texts[-1] for record in model_server.requests()[1:])


async def test_logs_say_nothing_of_what_was_said(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    with capture_logs() as lines:
        await client.post(CHAT, json={"message": "비밀 이야기"})
        model_server.control(status=500, times=None)
        await client.post(CHAT, json={"message": "비밀 이야기"})
        images.trouble = 500
        await client.post(CHAT, json={"message": "비밀 이야기", "image_id": images.add()})
    assert {line["event"] for line in lines} >= {"request", "run", "no photo"}
    assert "비밀" not in repr(lines)
    assert API_KEY not in repr(lines)
