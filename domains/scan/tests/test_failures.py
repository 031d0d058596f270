"""What goes wrong on the way to a result: what is said of it, and that nothing is lost by it."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support import postgres as postgresql
from support.aio import becomes
from support.scan_peers import Peers
from support.services import identity, serve
from support.waits import eventually

from eco2_model_server.testing import RunningModelServer
from eco2_scan.application import create_app
from eco2_scan.classifying import MALFORMED_ATTEMPTS
from eco2_scan.settings import Settings
from eco2_service.migrations import upgrade

CLASSIFY = "/api/v1/scan/classify"
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]
MakeSettings = Callable[..., Settings]
STATE = "SELECT state, attempts, error ->> 'reason' FROM scan.tasks"


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"
    assert answer.json()["task"] == answer.headers["location"]


async def classify(client: httpx2.AsyncClient, image: str) -> httpx2.Response:
    return await client.post(CLASSIFY, json={"image_id": image})


@pytest.mark.parametrize(
    ("trouble", "status", "kind"),
    [
        ({"status": 500}, 503, "model-unavailable"),
        ({"status": 429, "retry_after": 7}, 503, "model-rate-limited"),
        ({"malformed": True}, 502, "answer-malformed"),
        ({"output": {"nothing": "of use"}}, 502, "answer-malformed"),
    ],
    ids=["500", "429", "malformed", "another schema"],
)
async def test_what_may_pass_is_tried_again(
    settings: MakeSettings,
    upload: Upload,
    sql: Sql,
    model_server: RunningModelServer,
    trouble: dict[str, Any],
    status: int,
    kind: str,
) -> None:
    model_server.control(**trouble)
    async with serve(create_app(settings(task_pause_seconds=60)), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, status, kind)
        assert 60 <= int(answer.headers["retry-after"]) <= 78  # and up to a third more, so that they spread
        reason = kind.replace("-", "_")
        assert sql(STATE) == [("accepted", 1, reason)]
        task = (await client.get(answer.headers["location"])).json()
        assert (task["state"], task["error"]["reason"], task["result"]) == ("accepted", reason, None)
        sql("UPDATE scan.tasks SET lease_until = now(), due_at = now()")  # as time does
        await asyncio.to_thread(eventually, lambda: sql(STATE)[0][:2] == ("done", 2))
        task = (await client.get(answer.headers["location"])).json()
        assert (task["state"], task["error"]) == ("done", None)
        assert task["reward"]["state"] == "pending"


async def test_the_model_says_how_long_to_wait(
    settings: MakeSettings, upload: Upload, model_server: RunningModelServer
) -> None:
    model_server.control(status=429, retry_after=77)
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 503, "model-rate-limited")
        assert int(answer.headers["retry-after"]) >= 77


async def test_a_model_that_says_nothing_takes_too_long(
    settings: MakeSettings, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    short = settings(pipeline_timeout_seconds=0.5, openai_timeout_seconds=30, task_pause_seconds=60)
    async with serve(create_app(short), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 504, "timed-out")
        assert answer.headers["retry-after"]
        assert sql(STATE) == [("accepted", 1, "timed_out")]
        model_server.release()


async def test_a_model_that_refuses_is_not_asked_again(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(refusal="I will not look at this.")
    answer = await classify(client, upload())
    assert_problem(answer, 422, "model-refused")
    assert "retry-after" not in answer.headers
    assert sql(STATE) == [("failed", 1, "model_refused")]
    assert "look at this" not in answer.text
    task = (await client.get(answer.headers["location"])).json()
    assert (task["state"], task["result"], task["reward"]) == ("failed", None, None)


async def test_an_image_that_is_none(client: httpx2.AsyncClient, peers: Peers, sql: Sql) -> None:
    image = peers.upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert_problem(await classify(client, image), 422, "image-invalid")
    assert sql(STATE) == [("failed", 1, "image_invalid")]
    assert sql("SELECT count(*) FROM scan.rewards") == [(0,)]


async def test_what_is_asked_for_without_a_key_is_done_when_there_is_one(
    settings: MakeSettings, upload: Upload, sql: Sql
) -> None:
    keyless = settings(openai_api_key=None, task_pause_seconds=60)
    async with serve(create_app(keyless), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 503, "not-configured")
        assert int(answer.headers["retry-after"]) >= 60
        assert sql(STATE) == [("accepted", 1, "not_configured")]
    sql("UPDATE scan.tasks SET lease_until = now(), due_at = now()")
    async with serve(create_app(settings())):
        await asyncio.to_thread(eventually, lambda: sql(STATE) == [("done", 2, None)])


async def test_a_model_that_answers_beside_the_point_is_paid_three_times(
    settings: MakeSettings, upload: Upload, sql: Sql, model_server: RunningModelServer
) -> None:
    model_server.control(malformed=True, times=None)
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 502, "answer-malformed")
        await asyncio.to_thread(eventually, lambda: sql(STATE) == [("failed", MALFORMED_ATTEMPTS, "answer_malformed")])
    assert len(model_server.requests("openai")) == MALFORMED_ATTEMPTS


@pytest.mark.parametrize("attempts", [1, 3])
async def test_after_the_last_attempt_it_is_dead(
    settings: MakeSettings, upload: Upload, sql: Sql, model_server: RunningModelServer, attempts: int
) -> None:
    model_server.control(status=500, times=None)
    async with serve(create_app(settings(task_attempts=attempts)), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 503, "model-unavailable")
        assert ("retry-after" in answer.headers) is (attempts > 1)
        await asyncio.to_thread(eventually, lambda: sql(STATE) == [("dead", attempts, "model_unavailable")])
        task = (await client.get(answer.headers["location"])).json()
        assert (task["state"], task["error"]["reason"]) == ("dead", "model_unavailable")


async def test_an_image_that_cannot_be_read_is_read_again(
    settings: MakeSettings, upload: Upload, sql: Sql, peers: Peers
) -> None:
    peers.stuck["/content"] = 503
    async with serve(create_app(settings(task_pause_seconds=60)), headers=identity("user-1")) as client:
        assert_problem(await classify(client, upload()), 503, "image-unavailable")
        assert sql(STATE) == [("accepted", 1, "image_unavailable")]
        assert peers.calls("/content") == 3
        peers.stuck.clear()
        sql("UPDATE scan.tasks SET lease_until = now(), due_at = now()")
        await asyncio.to_thread(eventually, lambda: sql(STATE)[0][:2] == ("done", 2))


@pytest.mark.parametrize(("status", "kind"), [(404, "image-unknown"), (409, "image-not-ready")])
async def test_an_image_that_has_gone_meanwhile(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers, status: int, kind: str
) -> None:
    peers.stuck["/content"] = status
    assert_problem(await classify(client, upload()), 422, kind)
    assert sql(STATE) == [("failed", 1, kind.replace("-", "_"))]
    assert peers.calls("/content") == 1


async def test_a_failed_task_is_failed_for_a_repeated_request(
    client: httpx2.AsyncClient, peers: Peers, sql: Sql
) -> None:
    body, headers = {"image_id": peers.upload(b"no picture")}, {"idempotency-key": "key-1"}
    for _ in range(2):
        assert_problem(await client.post(CLASSIFY, json=body, headers=headers), 422, "image-invalid")
    assert sql(STATE) == [("failed", 1, "image_invalid")]


async def test_what_nobody_thought_of_is_tried_again_and_says_nothing(
    settings: MakeSettings, upload: Upload, sql: Sql
) -> None:
    """The finishing transaction fails, as by a bug: with the reward, the result is taken back."""
    sql(
        "CREATE FUNCTION scan.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a secret of the program'; END $$"
    )
    sql("CREATE TRIGGER refuse BEFORE INSERT ON scan.rewards FOR EACH ROW EXECUTE FUNCTION scan.refuse()")
    async with serve(create_app(settings(task_pause_seconds=60)), headers=identity("user-1")) as client:
        answer = await classify(client, upload())
        assert_problem(answer, 503, "classification-failed")
        assert "secret" not in answer.text
        assert sql(STATE) == [("accepted", 1, "error")]
        assert sql("SELECT result FROM scan.tasks") == [(None,)]
        sql("DROP TRIGGER refuse ON scan.rewards")
        sql("UPDATE scan.tasks SET lease_until = now(), due_at = now()")
        await asyncio.to_thread(eventually, lambda: sql(STATE) == [("done", 2, None)])
    assert sql("SELECT count(*) FROM scan.rewards") == [(1,)]


async def test_while_postgresql_is_away_nothing_is_accepted(settings: MakeSettings, upload: Upload) -> None:
    nowhere = settings(database_url="postgresql://nobody@127.0.0.1:1/none")
    async with serve(create_app(nowhere), headers=identity("user-1")) as client:
        for answer in (await classify(client, upload()), await client.get("/api/v1/scan/task/" + upload())):
            assert answer.status_code == 503
            assert answer.json()["type"] == "/problems/database-unavailable"


async def test_a_reward_that_cannot_be_claimed_now_does_not_hide_the_result(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql
) -> None:
    sql(
        "CREATE FUNCTION scan.fail_over() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$"
    )
    sql("CREATE TRIGGER fail_over BEFORE UPDATE ON scan.rewards FOR EACH ROW EXECUTE FUNCTION scan.fail_over()")
    answer = await classify(client, upload())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["reward"]["state"]) == ("done", "pending")


async def test_postgresql_goes_away_in_the_middle_and_comes_back(
    settings: MakeSettings, upload: Upload, model_server: RunningModelServer
) -> None:
    model_server.control(hang=True)
    with postgresql.running() as server, server.database() as url:
        await asyncio.to_thread(upgrade, "eco2_scan", url)
        limits = {"pipeline_timeout_seconds": 5, "image_seconds": 0.5, "task_lease_seconds": 6}
        async with serve(create_app(settings(database_url=url, **limits)), headers=identity("user-1")) as client:
            request = asyncio.create_task(classify(client, upload()))
            await becomes(lambda: model_server.requests("openai"))
            await asyncio.to_thread(server.stop)
            model_server.release()
            answer = await request  # when there was no way to write the result for the time of a lease
            assert answer.status_code == 503
            assert answer.json()["type"] == "/problems/database-unavailable"
            await asyncio.to_thread(server.start)
            done = "SELECT state, attempts FROM scan.tasks"
            name = url.rsplit("/", 1)[1]
            await asyncio.to_thread(eventually, lambda: server.execute(done, database=name) == [("done", 2)])
