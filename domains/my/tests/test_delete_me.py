"""DELETE /me: from the answer on, the user is not there."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.other_domains import OtherDomains
from support.services import identity, serve

from eco2_my.application import create_app
from eco2_my.deletion_store import Deletions
from eco2_my.errors import UserDeleted
from eco2_my.schemas import PushedUser
from eco2_my.settings import Settings
from eco2_my.steps import ORDER
from eco2_my.store import Users
from eco2_service.database import Database

ME = "/api/v1/user/me"
OTHERS = ORDER[:-1]
FINISHED = "SELECT finished_at IS NOT NULL FROM my.deletions"


async def test_all_domains_forget_the_user_and_my_is_last(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains, sql: Callable[..., Any]
) -> None:
    await push()
    await push(user_id="user-2")
    answer = await client.delete(ME)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["user_id"], body["state"]) == ("user-1", "under_way")
    assert body["steps"] == [{"domain": domain, "state": "pending"} for domain in ORDER]
    await becomes(lambda: sql(FINISHED) == [(True,)])
    assert domains.forgotten == [(domain, "user-1") for domain in OTHERS]
    assert sql("SELECT id FROM my.users") == [("user-2",)]
    assert sql("SELECT user_id FROM my.accounts") == [("user-2",)]
    again = await client.delete(ME)
    assert (again.status_code, again.json()["state"]) == (202, "finished")
    assert {step["state"] for step in again.json()["steps"]} == {"done"}
    assert len(domains.asked) == len(OTHERS)


@pytest.mark.parametrize("is_finished", [False, True])
async def test_who_is_deleted_is_gone_for_everyone(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains, sql: Callable[..., Any], is_finished: bool
) -> None:
    await push()
    if not is_finished:
        domains.trouble["auth"] = 503
    await client.delete(ME)
    await becomes(lambda: sql(FINISHED) == [(is_finished,)])
    answers = [
        await client.get(ME),
        await client.patch(ME, json={"nickname": "x"}),
        await client.get(f"{ME}/accounts"),
        await client.get(f"{ME}/characters"),
        await push(version=2),
    ]
    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [(410, "/problems/user-deleted")] * 5


async def test_who_was_not_pushed_yet_can_leave_too(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains, sql: Callable[..., Any]
) -> None:
    assert (await client.delete(ME)).status_code == 202
    await becomes(lambda: sql(FINISHED) == [(True,)])
    assert domains.forgotten == [(domain, "user-1") for domain in OTHERS]
    assert (await push()).status_code == 410


async def test_a_domain_that_is_not_there_is_skipped_and_said_so(
    settings: Settings, domains: OtherDomains, sql: Callable[..., Any]
) -> None:
    without = settings.model_copy(update={"chat_url": None, "image_url": None})
    async with serve(create_app(without), headers=identity("user-1")) as client:
        await client.delete(ME)
        await becomes(lambda: sql(FINISHED) == [(True,)])
        states = {step["domain"]: step["state"] for step in (await client.delete(ME)).json()["steps"]}
        metrics = (await client.get("/metrics/status")).text
    assert {domain for domain, state in states.items() if state == "skipped"} == {"chat", "image"}
    assert [domain for domain, _ in domains.forgotten] == ["auth", "character", "scan"]
    assert 'eco2_user_deletion_steps_total{domain="chat",result="skipped"} 1.0' in metrics


async def test_asked_for_many_times_at_once_it_is_one(
    client: httpx2.AsyncClient, push: Any, domains: OtherDomains, sql: Callable[..., Any]
) -> None:
    await push()
    answers = await asyncio.gather(*(client.delete(ME) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    await becomes(lambda: sql(FINISHED) == [(True,)])
    assert domains.forgotten == [(domain, "user-1") for domain in OTHERS]


async def test_no_push_brings_a_user_back_however_they_race(database_url: str, sql: Callable[..., Any]) -> None:
    """Whichever is first: afterwards there is a deletion, and a user only as one that leaves."""
    database = Database(database_url, name="tests", pool_size=8, timeout=10)
    users, deletions = Users(database), Deletions(database)
    pushed = PushedUser.model_validate(
        {"version": 1, "accounts": [{"provider": "kakao", "last_login_at": "2026-01-02T03:04:05Z"}]}
    )

    async def push(user_id: str) -> str:
        try:
            await users.push(user_id, pushed)
        except UserDeleted:
            return "refused"
        return "taken"

    names = [f"user-{number}" for number in range(40)]
    races = [work for name in names for work in (push(name), deletions.request(name))]
    results = (await asyncio.gather(*races))[::2]
    await database.close()
    assert set(results) <= {"taken", "refused"}
    leaving = sql("SELECT id FROM my.users WHERE is_leaving ORDER BY id")
    assert leaving == sorted((name,) for name, result in zip(names, results, strict=True) if result == "taken")
    assert sql("SELECT count(*) FROM my.users WHERE NOT is_leaving") == [(0,)]
