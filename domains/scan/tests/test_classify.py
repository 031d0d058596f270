"""Photos are classified: at once or later, for the users whose they are, and once for each key."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.redis import running
from support.scan_peers import CARD, Peers
from support.services import identity, serve
from support.waits import eventually

from eco2_model_server.testing import RunningModelServer
from eco2_scan.application import create_app
from eco2_scan.settings import Settings

CLASSIFY = "/api/v1/scan/classify"
OTHER = identity("user-2")
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]
MakeSettings = Callable[..., Settings]
TASKS = "SELECT count(*) FROM scan.tasks"


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


async def finished(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    """The task, once it is."""

    def read() -> dict[str, Any]:
        answer = httpx2.get(client.base_url.join(path), headers=client.headers, trust_env=False)
        assert answer.status_code == 200, answer.text
        task: dict[str, Any] = answer.json()
        assert task["finished_at"] is not None
        return task

    return await asyncio.to_thread(eventually, read)


async def test_a_photo_is_classified_and_rewarded_at_once(
    client: httpx2.AsyncClient, upload: Upload, peers: Peers
) -> None:
    image = upload()
    answer = await client.post(CLASSIFY, json={"image_id": image, "question": " 라벨도 떼나요? "})
    assert answer.status_code == 200, answer.text
    task = answer.json()
    assert (task["state"], task["image_id"], task["question"], task["error"]) == ("done", image, "라벨도 떼나요?", None)
    vision = task["result"]["vision"]
    assert (vision["item_id"], vision["is_waste"]) == ("drink-can", True)
    assert vision["category"] == {"major": "재활용폐기물", "middle": "금속류", "minor": "음료 캔"}
    assert task["result"]["rules"]
    assert set(task["result"]["answer"]["rule_ids"]) <= {rule["id"] for rule in task["result"]["rules"]}
    assert task["reward"] == {"state": "given", "character": CARD, "reason": None}
    assert (await client.get(f"/api/v1/scan/task/{task['id']}")).json() == task
    assert peers.rewards[task["id"]] == {
        "request_id": task["id"],
        "source": "scan",
        "user_id": "user-1",
        "task_id": task["id"],
        "classification": {"major_category": "재활용폐기물", "middle_category": "금속류", "minor_category": "음료 캔"},
        "situation_tags": [],
        "disposal_rules_present": True,
        "insufficiencies_present": False,
    }


async def test_a_photo_is_classified_later(client: httpx2.AsyncClient, upload: Upload, peers: Peers) -> None:
    answer = await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload()})
    assert answer.status_code == 202
    path = answer.headers["location"]
    assert path == f"/api/v1/scan/task/{answer.json()['id']}"
    task = await finished(client, path)
    assert (task["state"], task["result"]["vision"]["item_id"]) == ("done", "drink-can")
    assert task["reward"] == {"state": "pending", "character": None, "reason": None}
    assert peers.given == []  # the loop does that


async def test_it_is_written_down_before_anything_is_done(
    settings: MakeSettings, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        request = asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()}))
        await becomes(lambda: model_server.requests("openai"))
        assert sql("SELECT user_id, kind, state, attempts FROM scan.tasks") == [("user-1", "classify", "dispatched", 1)]
        model_server.release()
        assert (await request).status_code == 200


async def test_whoever_goes_away_finds_the_task_done(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    async with httpx2.AsyncClient(base_url=client.base_url, headers=identity("user-1")) as impatient:
        request = asyncio.create_task(impatient.post(CLASSIFY, json={"image_id": upload()}))
        await becomes(lambda: model_server.requests("openai"))
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
    model_server.release()
    ((task_id,),) = sql("SELECT id FROM scan.tasks")
    task = await finished(client, f"/api/v1/scan/task/{task_id}")
    assert task["state"] == "done"
    assert task["attempts"] == 1


async def test_the_image_has_to_be_there_and_ones_own(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers
) -> None:
    assert_problem(await client.post(CLASSIFY, json={"image_id": str(uuid.uuid4())}), 404, "image-unknown")
    others = upload(user_id="user-2")
    assert_problem(await client.post(CLASSIFY, json={"image_id": others}), 404, "image-unknown")
    for state in ("pending", "processing", "rejected"):
        image = upload(state=state)
        assert_problem(await client.post(CLASSIFY, json={"image_id": image}), 409, "image-not-ready")
    assert sql(TASKS) == [(0,)]


@pytest.mark.parametrize("status", [500, 503, 401, 204])
async def test_without_the_domain_image_nothing_is_accepted(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers, status: int
) -> None:
    peers.stuck["/image/"] = status
    answer = await client.post(CLASSIFY, json={"image_id": upload()})
    assert_problem(answer, 503, "images-unavailable")
    assert answer.headers["retry-after"]
    assert sql(TASKS) == [(0,)]


async def test_a_request_that_is_repeated_with_its_key_is_one_task(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers, model_server: RunningModelServer
) -> None:
    body, headers = {"image_id": upload()}, {"idempotency-key": "key-1"}
    first = await client.post(CLASSIFY, json=body, headers=headers)
    asked = len(model_server.requests())
    peers.uploads.clear()  # it may be gone by now
    for query in ("", "?async=true"):
        again = await client.post(f"{CLASSIFY}{query}", json=body, headers=headers)
        assert again.status_code == (202 if query else 200)
        assert again.json() == first.json()
    assert sql(TASKS) == [(1,)]
    assert len(model_server.requests()) == asked
    assert len(peers.given) == 1


async def test_a_key_is_of_one_request_and_one_user(client: httpx2.AsyncClient, upload: Upload, sql: Sql) -> None:
    headers = {"idempotency-key": "key-1"}
    body = {"image_id": upload()}
    assert (await client.post(CLASSIFY, json=body, headers=headers)).status_code == 200
    for other in ({"image_id": upload()}, body | {"question": "왜요?"}):
        assert_problem(await client.post(CLASSIFY, json=other, headers=headers), 409, "idempotency-key-used")
    theirs = {"image_id": upload(user_id="user-2")}
    assert (await client.post(CLASSIFY, json=theirs, headers=headers | OTHER)).status_code == 200
    assert sql(TASKS) == [(2,)]


async def test_many_requests_with_one_key_at_once_are_one_task(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers
) -> None:
    body, headers = {"image_id": upload()}, {"idempotency-key": "key-1"}
    answers = await asyncio.gather(*(client.post(CLASSIFY, json=body, headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sql("SELECT count(*), sum(attempts) FROM scan.tasks") == [(1, 1)]
    assert len(peers.given) == 1


async def test_two_bodies_with_one_key_at_once_are_one_task(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql
) -> None:
    image, headers = upload(), {"idempotency-key": "key-1"}
    bodies = [{"image_id": image, "question": str(number)} for number in range(8)]
    answers = await asyncio.gather(*(client.post(CLASSIFY, json=body, headers=headers) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
    assert sql(TASKS) == [(1,)]


async def test_a_repeated_request_does_not_wait_for_another_process(
    settings: MakeSettings, upload: Upload, model_server: RunningModelServer
) -> None:
    body, headers = {"image_id": upload()}, {"idempotency-key": "key-1", **identity("user-1")}
    model_server.control(hang=True)
    async with serve(create_app(settings()), headers=headers) as one, serve(create_app(settings())) as other:
        first = asyncio.create_task(one.post(CLASSIFY, json=body))
        await becomes(lambda: model_server.requests("openai"))
        again = await other.post(CLASSIFY, json=body, headers=headers)
        assert (again.status_code, again.json()["state"]) == (202, "dispatched")
        model_server.release()
        done = await first
        assert done.status_code == 200
        assert again.headers["location"].endswith(done.json()["id"])


async def test_what_has_no_room_is_classified_later(
    settings: MakeSettings, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True, times=None)
    async with serve(
        create_app(settings(celery_concurrency=1, dispatch_seconds=0.2)), headers=identity("user-1")
    ) as client:
        waiting = []
        for number in range(1, 6):  # one at work, and as many waiting as may
            waiting.append(asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()})))
            await asyncio.to_thread(eventually, lambda number=number: sql(TASKS) == [(number,)])
        answer = await client.post(CLASSIFY, json={"image_id": upload()})
        assert (answer.status_code, answer.json()["state"]) == (202, "accepted")
        model_server.release()
        assert {done.status_code for done in await asyncio.gather(*waiting)} <= {200, 202}
        assert (await finished(client, answer.headers["location"]))["state"] == "done"


async def test_nobody_sees_the_tasks_of_others(client: httpx2.AsyncClient, upload: Upload) -> None:
    task = (await client.post(CLASSIFY, json={"image_id": upload()})).json()
    path = f"/api/v1/scan/task/{task['id']}"
    assert_problem(await client.get(path, headers=OTHER), 404, "task-unknown")
    assert_problem(await client.get(f"/api/v1/scan/task/{uuid.uuid4()}"), 404, "task-unknown")
    assert (await client.get(path)).status_code == 200


async def test_who_is_not_signed_in_classifies_nothing(settings: MakeSettings, upload: Upload) -> None:
    async with serve(create_app(settings())) as nobody:
        assert_problem(await nobody.post(CLASSIFY, json={"image_id": upload()}), 401, "not-signed-in")
        assert_problem(await nobody.get(f"/api/v1/scan/task/{uuid.uuid4()}"), 401, "not-signed-in")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"image_id": "https://elsewhere.example/1.jpg"},
        {"image_id": str(uuid.UUID(int=1)), "question": "\x00"},
        {"image_id": str(uuid.UUID(int=1)), "question": "x" * 501},
        {"image_id": str(uuid.UUID(int=1)), "url": "https://elsewhere.example/1.jpg"},
    ],
    ids=["nothing", "a URL", "a control character", "too long", "another field"],
)
async def test_a_request_that_makes_no_sense_is_a_problem(client: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    assert_problem(await client.post(CLASSIFY, json=body), 422, "invalid-request")


@pytest.mark.parametrize("key", ["", "a b", "k" * 256])
async def test_a_key_that_makes_no_sense_is_a_problem(client: httpx2.AsyncClient, upload: Upload, key: str) -> None:
    answer = await client.post(CLASSIFY, json={"image_id": upload()}, headers={"idempotency-key": key})
    assert_problem(answer, 422, "invalid-request")


async def test_a_user_classifies_so_many_in_a_day(settings: MakeSettings, upload: Upload, sql: Sql) -> None:
    async with serve(create_app(settings(scans_per_day=2)), headers=identity("user-1")) as client:
        for key in ("one", "two"):
            answer = await client.post(
                f"{CLASSIFY}?async=true", json={"image_id": upload()}, headers={"idempotency-key": key}
            )
            assert answer.status_code == 202
        answer = await client.post(CLASSIFY, json={"image_id": upload()})
        assert_problem(answer, 429, "rate-limited")
        assert 60 < int(answer.headers["retry-after"]) <= 43_200  # two in a day: one in half of it
        others = await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload(user_id="user-2")}, headers=OTHER)
        assert others.status_code == 202
    assert sql(TASKS) == [(3,)]


async def test_what_was_not_accepted_and_what_is_repeated_is_not_counted(
    settings: MakeSettings, upload: Upload
) -> None:
    async with serve(create_app(settings(scans_per_day=1)), headers=identity("user-1")) as client:
        assert (await client.post(CLASSIFY, json={"image_id": str(uuid.uuid4())})).status_code == 404
        body, headers = {"image_id": upload()}, {"idempotency-key": "one"}
        for _ in range(3):
            assert (await client.post(CLASSIFY, json=body, headers=headers)).status_code == 200


async def test_without_redis_photos_are_classified_and_that_is_counted(settings: MakeSettings, upload: Upload) -> None:
    with running() as redis:
        async with serve(create_app(settings(redis_url=redis.url)), headers=identity("user-1")) as client:
            assert (await client.get("/ready")).status_code == 200
            redis.stop()
            assert (await client.post(CLASSIFY, json={"image_id": upload()})).status_code == 200
            metrics = (await client.get("/metrics/status")).text
            assert 'eco2_rate_limit_unchecked_total{limit="scan"} 1.0' in metrics
            answer = await client.get("/ready")
            assert answer.status_code == 503
            assert answer.json()["checks"]["postgres"] == "ok"
            assert answer.json()["checks"]["redis"] != "ok"
