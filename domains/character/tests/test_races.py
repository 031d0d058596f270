"""Many requests at once on a real PostgreSQL: what happens once, happens once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.services import serve, service_token
from support.waits import eventually

from eco2_character import store
from eco2_character.application import create_app
from eco2_service.database import Database

REWARDS = "/api/v1/internal/characters/rewards"
AT_ONCE = 50
Request = Callable[..., dict[str, Any]]
Sql = Callable[..., list[tuple[Any, ...]]]


async def all_at_once(peer: httpx2.AsyncClient, path: str, bodies: list[dict[str, Any]]) -> list[httpx2.Response]:
    return await asyncio.gather(*(peer.post(path, json=body) for body in bodies))


async def test_one_request_sent_many_times_gives_once_and_answers_the_same(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    answers = await all_at_once(peer, REWARDS, [reward_request()] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["received"] is True
    assert sql("SELECT count(*) FROM character.ownerships") == [(1,)]
    assert sql("SELECT count(*) FROM character.rewards") == [(1,)]


async def test_many_requests_for_one_character_give_it_once(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    answers = await all_at_once(peer, REWARDS, [reward_request(f"request-{n}") for n in range(AT_ONCE)])
    assert {answer.status_code for answer in answers} == {200}
    outcomes = Counter((body["received"], body["already_owned"]) for body in (answer.json() for answer in answers))
    assert outcomes == {(True, False): 1, (False, True): AT_ONCE - 1}
    assert sql("SELECT count(*) FROM character.ownerships") == [(1,)]


async def test_one_id_used_for_many_users_is_one_users(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    bodies = [reward_request("request-1", user_id=f"user-{n}") for n in range(AT_ONCE)]
    answers = await all_at_once(peer, REWARDS, bodies)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
    assert sql("SELECT count(*) FROM character.ownerships") == [(1,)]


async def test_two_processes_give_one_character(settings: Any, reward_request: Request, sql: Sql) -> None:
    async with (
        serve(create_app(settings()), headers=service_token()) as one,
        serve(create_app(settings()), headers=service_token()) as other,
    ):
        bodies = [reward_request(f"request-{n}") for n in range(AT_ONCE // 2)]
        groups = await asyncio.gather(all_at_once(one, REWARDS, bodies), all_at_once(other, REWARDS, bodies))
    for mine, others in zip(*groups, strict=True):
        assert mine.json() == others.json()
    assert sum(answer.json()["received"] for answer in groups[0]) == 1
    assert sql("SELECT count(*) FROM character.ownerships") == [(1,)]


async def test_many_arrivals_give_the_default_character_once(peer: httpx2.AsyncClient, sql: Sql) -> None:
    answers = await all_at_once(peer, "/api/v1/internal/characters/onboarding", [{"user_id": "user-1"}] * AT_ONCE)
    assert Counter(answer.json()["received"] for answer in answers) == {True: 1, False: AT_ONCE - 1}
    assert sql("SELECT count(*) FROM character.ownerships") == [(1,)]


async def test_a_deletion_among_rewards_leaves_nothing(
    peer: httpx2.AsyncClient, reward_request: Request, sql: Sql
) -> None:
    rewards = [peer.post(REWARDS, json=reward_request(f"request-{n}")) for n in range(AT_ONCE // 2)]
    more = [peer.post(REWARDS, json=reward_request(f"later-{n}")) for n in range(AT_ONCE // 2)]
    answers = await asyncio.gather(*rewards, peer.delete("/api/v1/internal/users/user-1"), *more)
    assert {answer.status_code for answer in answers} <= {200, 204, 410}
    assert sql("SELECT count(*) FROM character.ownerships") == [(0,)]
    assert sql("SELECT count(*) FROM character.rewards") == [(0,)]


async def test_a_reward_that_waits_for_a_deletion_is_refused(
    peer: httpx2.AsyncClient, reward_request: Request, database: Database, sql: Sql
) -> None:
    async with database.begin() as connection:
        await store.lock_user(connection, "user-1")
        waiting = asyncio.create_task(peer.post(REWARDS, json=reward_request()))
        await _waits(sql)
        await store.delete_user(connection, "user-1")
    assert (await waiting).status_code == 410
    assert sql("SELECT count(*) FROM character.ownerships") == [(0,)]


async def test_a_reward_that_waits_too_long_is_unavailable(
    settings: Any, reward_request: Request, database: Database, sql: Sql
) -> None:
    application = create_app(settings(database_timeout_seconds=0.5))
    async with serve(application, headers=service_token()) as peer:
        async with database.begin() as connection:
            await store.lock_user(connection, "user-1")
            assert (await peer.post(REWARDS, json=reward_request())).status_code == 503
        assert (await peer.post(REWARDS, json=reward_request())).json()["received"] is True


async def test_times_grow_in_the_order_in_which_characters_come(
    peer: httpx2.AsyncClient, reward_request: Request, database: Database, sql: Sql
) -> None:
    async with database.begin() as connection:  # began after us, and waits for us
        await store.lock_user(connection, "user-1")
        waiting = asyncio.create_task(peer.post(REWARDS, json=reward_request()))
        await _waits(sql)
        default = await store.default(connection)
        assert default is not None
        await store.give(connection, "user-1", default.id, "onboarding")
    await waiting
    codes = sql(
        "SELECT code FROM character.ownerships JOIN character.characters ON id = character_id ORDER BY acquired_at"
    )
    assert codes == [("eco",), ("paper-pack",)]


async def _waits(sql: Sql) -> None:
    """Until somebody waits for an advisory lock of this database."""
    waiting = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )
    await asyncio.to_thread(eventually, lambda: sql(waiting)[0][0])


@pytest.mark.parametrize("pool_size", [1, 2])
async def test_a_small_pool_makes_nobody_wait_for_ever(settings: Any, reward_request: Request, pool_size: int) -> None:
    application = create_app(settings(database_pool_size=pool_size, database_timeout_seconds=30))
    async with serve(application, headers=service_token()) as peer:
        bodies = [reward_request(f"request-{n}", user_id=f"user-{n % 2}") for n in range(20)]
        answers = await all_at_once(peer, REWARDS, bodies)
    assert Counter(answer.json()["received"] for answer in answers) == {True: 2, False: 18}
