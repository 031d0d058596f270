"""Questions and answers: in words, by photo, one after the other."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from support.redis import running
from support.services import identity

from eco2_model_server.pictures import nothing, picture
from eco2_model_server.testing import RunningModelServer

CHAT = "/api/v1/chat"
ID = "00000000-0000-4000-8000-000000000000"
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


async def ask(client: httpx2.AsyncClient, message: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(CHAT, json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert not body["failed"], body
    return body


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


async def test_a_question_in_words_is_answered_by_the_rules(client: httpx2.AsyncClient) -> None:
    body = await ask(client, "생수병은 어떻게 버려요?")
    assert (body["kind"], body["intent"], body["priority"]) == ("text", "disposal_question", "normal")
    assert body["rules"][0]["id"] == "clear-pet-bottle"
    assert "라벨을 뗀 뒤" in body["answer"]
    assert (body["vision"], body["reason"], body["retry_after"]) == (None, None, None)
    assert body["id"]


async def test_a_danger_matters_more(client: httpx2.AsyncClient) -> None:
    assert (await ask(client, "깨진 형광등을 버리고 싶어요"))["priority"] == "high"


async def test_a_photo_is_answered_by_what_is_in_it(client: httpx2.AsyncClient, images: Any) -> None:
    identifier = images.add(picture("newspaper", size=300))
    body = await ask(client, "이거 어떻게 버려요?", image_id=identifier)
    assert (body["kind"], body["intent"]) == ("image", None)
    assert body["vision"]["item_id"] == "newspaper"
    assert body["vision"]["labels"]["middle"] == "종이류"
    assert body["rules"]
    assert images.asked == [{"user_id": "user-1"}]


async def test_a_photo_of_nothing_is_no_failure(client: httpx2.AsyncClient, images: Any) -> None:
    body = await ask(client, "이거 어떻게 버려요?", image_id=images.add(nothing()))
    assert (body["vision"]["item_id"], body["rules"]) == (None, [])
    assert "다시 찍어" in body["answer"]


@pytest.mark.parametrize("message", ["{} 어떻게 버려요?", "{}", "이 사진({})이요"], ids=["first", "alone", "brackets"])
async def test_the_address_of_an_own_photo_is_a_photo(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer, message: str
) -> None:
    url = images.url(images.add())
    body = await ask(client, message.format(url))
    assert (body["kind"], body["vision"]["item_id"]) == ("image", "clear-pet-bottle")
    assert images.asked[0] == {"user_id": "user-1", "url": url}
    # The model gets the bytes and the question: an address is nothing that it should see, let alone follow.
    assert all(url not in text for record in model_server.requests() for text in record.texts)


async def test_image_is_asked_about_the_bare_address(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    url = images.url(images.add())
    body = await ask(client, f"{url}?token=secret&w=1#top 어떻게 버려요?")
    assert body["kind"] == "image"
    assert images.asked[0] == {"user_id": "user-1", "url": url}
    assert all("secret" not in text for record in model_server.requests() for text in record.texts)


@pytest.mark.parametrize(
    ("changes", "own"),
    [({}, False), ({"image_url": None}, False), ({"cdn_base_url": None}, True)],
    ids=["image is down", "no image", "no CDN"],
)
async def test_a_link_to_somewhere_else_needs_no_image(
    serving: Serving, images: Any, changes: dict[str, Any], own: bool
) -> None:
    images.trouble = 503
    url = images.url(images.add()) if own else "https://example.com/a.jpg"
    async with serving(**changes) as client:
        assert (await ask(client, f"생수병 버리는 법이 {url} 이거 맞아요?"))["kind"] == "text"
    assert images.asked == []


async def test_the_second_address_may_be_the_photo(client: httpx2.AsyncClient, images: Any) -> None:
    body = await ask(client, f"https://example.com/a.jpg 말고 {images.url(images.add())}")
    assert body["kind"] == "image"


@pytest.mark.parametrize("others", [True, False], ids=["of another user", "of somebody else"])
async def test_another_address_is_text_and_is_not_fetched(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer, others: bool
) -> None:
    theirs = images.url(images.add(user_id="user-2"))
    url = theirs if others else f"{model_server.url}/_picture/newspaper"
    body = await ask(client, f"생수병 버리는 법이 {url} 이거 맞아요?")
    assert (body["kind"], body["rules"][0]["id"]) == ("text", "clear-pet-bottle")
    assert images.asked == ([{"user_id": "user-1", "url": theirs}] if others else [])
    assert model_server.requests("openai")
    assert all(not record.images for record in model_server.requests())


async def test_a_photo_of_somebody_else_is_unknown(client: httpx2.AsyncClient, images: Any) -> None:
    for identifier in (ID, images.add(user_id="user-2")):
        answer = await client.post(CHAT, json={"message": "이거요", "image_id": identifier})
        assert_problem(answer, 404, "image-unknown")
    images.without_content = True  # deleted since it was found
    answer = await client.post(CHAT, json={"message": images.url(images.add())})
    assert_problem(answer, 404, "image-unknown")


async def test_a_photo_that_is_not_complete_is_not_looked_at(client: httpx2.AsyncClient, images: Any) -> None:
    identifier = images.add(ready=False)
    for body in ({"message": "이거요", "image_id": identifier}, {"message": images.url(identifier)}):
        for accept in ("application/json", "text/event-stream"):
            answer = await client.post(CHAT, json=body, headers={"accept": accept})
            assert_problem(answer, 409, "image-not-ready")


async def test_a_conversation_goes_on(client: httpx2.AsyncClient, model_server: RunningModelServer) -> None:
    await ask(client, "생수병은 어떻게 버려요?")
    body = await ask(client, "그럼 뚜껑은?")
    assert "clear-pet-bottle" in {rule["id"] for rule in body["rules"]}
    assert "생수병은" in model_server.requests()[-1].texts[-1]
    # Another user's conversation is another one.
    await client.post(CHAT, json={"message": "안녕하세요"}, headers=identity("user-2"))
    assert "생수병은" not in model_server.requests()[-1].texts[-1]


async def test_the_conversation_before_a_photo_is_known_too(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    await ask(client, "안녕하세요, 이사를 해요")
    await ask(client, "이것도 버리려고요", image_id=images.add())
    assert "이사를 해요" in model_server.requests()[-1].texts[-1]
    await ask(client, "그럼 뚜껑은?")
    assert "이것도 버리려고요" in model_server.requests()[-1].texts[-1]


async def test_only_so_much_of_the_conversation_is_known(
    client: httpx2.AsyncClient, model_server: RunningModelServer
) -> None:
    for number in range(7):
        await ask(client, f"안녕하세요 {number}번")
    said = model_server.requests()[-1].texts[-1]
    assert [number for number in range(6) if f"{number}번" in said] == [1, 2, 3, 4, 5]


async def test_who_is_not_signed_in_gets_no_answer(client: httpx2.AsyncClient) -> None:
    answer = await client.post(CHAT, json={"message": "안녕"}, headers={"x-user-id": ""})
    assert_problem(answer, 401, "not-signed-in")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": " \n\t "},
        {"message": "a\x00b"},
        {"message": "a\x7fb"},
        {"message": "가" * 2001},
        {"message": 1},
        {"message": "x", "image_id": "1"},
        {"message": "x", "url": "http://a"},
        {"image_id": ID},
    ],
    ids=["empty", "no text", "blank", "nul", "control", "long", "number", "id", "url", "no message"],
)
async def test_a_message_that_makes_no_sense_is_a_problem(
    client: httpx2.AsyncClient, model_server: RunningModelServer, body: dict[str, Any]
) -> None:
    answer = await client.post(CHAT, json=body)
    assert_problem(answer, 422, "invalid-request")
    assert answer.json()["errors"]
    assert model_server.requests() == []


async def test_a_message_may_be_long_and_have_lines(client: httpx2.AsyncClient) -> None:
    message = "생수병\r\n\t어떻게 버려요? " + "가" * 1980
    assert len(message) <= 2000
    await ask(client, message)
    assert (await client.get(f"{CHAT}/history")).json()["items"][0]["message"] == message


async def test_a_user_asks_so_often_in_a_day(serving: Serving) -> None:
    async with serving(chat_messages_per_day=2) as client:
        for _ in range(2):
            await ask(client, "안녕하세요")
        answer = await client.post(CHAT, json={"message": "안녕하세요"})
        assert_problem(answer, 429, "rate-limited")
        assert 0 < int(answer.headers["retry-after"]) <= 43_200
        other = await client.post(CHAT, json={"message": "안녕하세요"}, headers=identity("user-2"))
        assert other.status_code == 200


async def test_without_redis_questions_are_answered_and_that_is_counted(serving: Serving, images: Any) -> None:
    with running() as redis:
        async with serving(redis_url=redis.url) as client:
            redis.stop()
            await ask(client, "안녕하세요")
            await ask(client, "이거요", image_id=images.add())
            metrics = (await client.get("/metrics/status")).text
            assert 'eco2_rate_limit_unchecked_total{limit="chat"} 2.0' in metrics
            assert (await client.get("/ready")).status_code == 200


async def test_a_photo_that_comes_again_is_not_looked_at_again(
    client: httpx2.AsyncClient, images: Any, model_server: RunningModelServer
) -> None:
    identifier = images.add()
    for _ in range(2):
        await ask(client, "이거 어떻게 버려요?", image_id=identifier)
    assert len([record for record in model_server.requests() if record.images]) == 1


async def test_messages_are_counted(client: httpx2.AsyncClient, images: Any) -> None:
    await ask(client, "안녕하세요")
    await ask(client, "이거요", image_id=images.add())
    metrics = (await client.get("/metrics/status")).text
    assert 'eco2_chat_messages_total{kind="text",result="ok"} 1.0' in metrics
    assert 'eco2_chat_messages_total{kind="image",result="ok"} 1.0' in metrics
    assert 'eco2_dependency_request_duration_seconds_count{dependency="image",result="ok"} 1.0' in metrics
    assert 'eco2_llm_requests_total{model="gpt-5.1",result="ok"} 4.0' in metrics
    assert "user-1" not in metrics
