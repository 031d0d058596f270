"""Users that leave: nothing of them stays, and nothing that is under way brings them back."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.scan_peers import Peers
from support.services import identity, serve, service_token
from support.waits import eventually

from eco2_model_server.testing import RunningModelServer
from eco2_scan.application import create_app
from eco2_scan.settings import Settings
from eco2_service.database import Database
from eco2_service.locks import lock_user

CLASSIFY = "/api/v1/scan/classify"
USER = "/api/v1/internal/users/user-1"
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]
MakeSettings = Callable[..., Settings]
LEFT = "SELECT (SELECT count(*) FROM scan.tasks), (SELECT count(*) FROM scan.rewards)"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def delete(client: httpx2.AsyncClient) -> None:
    answer = await client.delete(USER, headers=service_token())
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_deleted_user_leaves_nothing_but_that(client: httpx2.AsyncClient, upload: Upload, sql: Sql) -> None:
    mine = (await client.post(CLASSIFY, json={"image_id": upload()})).json()
    others = upload(user_id="user-2")
    assert (await client.post(CLASSIFY, json={"image_id": others}, headers=identity("user-2"))).status_code == 200
    assert (await client.delete(USER)).status_code == 401
    for _ in range(2):  # whoever asks may ask again
        await delete(client)
    assert (await client.get(f"/api/v1/scan/task/{mine['id']}")).status_code == 404
    assert sql("SELECT user_id FROM scan.tasks") == [("user-2",)]
    assert sql("SELECT request ->> 'user_id' FROM scan.rewards") == [("user-2",)]
    assert sql("SELECT user_id FROM scan.deleted_users") == [("user-1",)]


async def test_nothing_brings_a_deleted_user_back(client: httpx2.AsyncClient, upload: Upload, sql: Sql) -> None:
    await delete(client)
    for query in ("", "?async=true"):
        for headers in ({}, {"idempotency-key": "key-1"}):
            answer = await client.post(f"{CLASSIFY}{query}", json={"image_id": upload()}, headers=headers)
            assert answer.status_code == 410
            assert answer.json()["type"] == "/problems/user-deleted"
    assert sql(LEFT) == [(0, 0)]


@pytest.mark.parametrize("query", ["", "?async=true"], ids=["now", "later"])
async def test_work_that_is_under_way_is_not_written_back(
    client: httpx2.AsyncClient,
    upload: Upload,
    sql: Sql,
    peers: Peers,
    model_server: RunningModelServer,
    query: str,
) -> None:
    model_server.control(hang=True)
    request = asyncio.create_task(client.post(f"{CLASSIFY}{query}", json={"image_id": upload()}))
    await becomes(lambda: model_server.requests("openai"))
    await delete(client)
    model_server.release()
    assert (await request).status_code == (202 if query else 410)
    metric = 'eco2_task_duration_seconds_count{kind="classify",result="lost"} 1.0'
    url = client.base_url.join("/metrics/status")
    await asyncio.to_thread(eventually, lambda: metric in httpx2.get(url, trust_env=False).text)
    assert sql(LEFT) == [(0, 0)]
    assert peers.rewards == {}


async def test_a_deletion_waits_for_a_result_that_is_being_written(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, database_url: str
) -> None:
    database = Database(database_url, name="tests", pool_size=1, timeout=30)
    async with database.begin() as connection:
        # The finishing transaction has written the result, and waits to write the reward.
        await connection.exec_driver_sql("LOCK TABLE scan.rewards IN SHARE MODE")
        request = asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()}))
        await asyncio.to_thread(eventually, lambda: sql(WAITING) == [(1,)])
        leaving = asyncio.create_task(delete(client))
        await asyncio.to_thread(eventually, lambda: sql(WAITING) == [(2,)])
    await database.close()
    await leaving
    assert (await request).status_code in (200, 410)
    assert sql(LEFT) == [(0, 0)]


async def test_a_task_that_waits_for_a_deletion_is_refused(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, database_url: str
) -> None:
    database = Database(database_url, name="tests", pool_size=1, timeout=30)
    async with database.begin() as connection:
        await lock_user(connection, "scan", "user-1")
        request = asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()}))
        await asyncio.to_thread(eventually, lambda: sql(WAITING) == [(1,)])
        await connection.exec_driver_sql("INSERT INTO scan.deleted_users (user_id) VALUES ('user-1')")
    await database.close()
    assert (await request).status_code == 410
    assert sql(LEFT) == [(0, 0)]


async def test_a_reward_that_is_asked_for_when_its_user_leaves(
    settings: MakeSettings, upload: Upload, sql: Sql, peers: Peers
) -> None:
    peers.silent.add("/character/")
    async with serve(create_app(settings(reward_first_seconds=30)), headers=identity("user-1")) as client:
        request = asyncio.create_task(client.post(CLASSIFY, json={"image_id": upload()}))
        await becomes(lambda: peers.calls("/rewards"))
        await delete(client)
        peers.deleted.add("user-1")
        peers.silent.clear()
        assert (await request).status_code == 410
        assert sql(LEFT) == [(0, 0)]
        assert peers.given == []


async def test_deletions_among_requests_leave_nothing(client: httpx2.AsyncClient, upload: Upload, sql: Sql) -> None:
    requests = [client.post(CLASSIFY, json={"image_id": upload()}) for _ in range(12)]
    answers = await asyncio.gather(*requests[:6], delete(client), *requests[6:], delete(client))
    statuses = {answer.status_code for answer in answers if answer is not None}
    assert statuses <= {200, 202, 410}
    assert sql(LEFT) == [(0, 0)]
