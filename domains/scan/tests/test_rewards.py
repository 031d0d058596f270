"""Rewards: asked of character for each task once, whoever asks, and however often it takes."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.aio import becomes
from support.scan_peers import CARD, Peers
from support.services import SERVICE_TOKEN, identity, serve
from support.waits import eventually

from eco2_model_server.pictures import nothing
from eco2_scan.application import create_app
from eco2_scan.rewards import FIRST_PAUSE, LONGEST_PAUSE, RESULTS, Rewards, pause
from eco2_scan.settings import Settings
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer

CLASSIFY = "/api/v1/scan/classify"
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]
MakeSettings = Callable[..., Settings]
STATE = "SELECT state, reason, attempts FROM scan.rewards"
DUE_NOW = "UPDATE scan.rewards SET next_attempt_at = now()"
PENDING = "SELECT count(*) FROM scan.rewards WHERE state = 'pending'"


@dataclass
class Replica:
    """What a replica delivers with."""

    rewards: Rewards
    peer: Peer
    metrics: Metrics

    async def deliver(self) -> bool:
        return await self.rewards.deliver_due(self.peer)

    def counted(self) -> dict[str, float]:
        lines = self.metrics.render().decode().splitlines()
        found = (line.split("} ") for line in lines if line.startswith("eco2_rewards_total{"))
        return {name.split('"')[1]: float(value) for name, value in found if float(value)}


@pytest.fixture
async def replica(database_url: str, peers: Peers) -> AsyncIterator[Callable[..., Replica]]:
    """Makes a replica, with connections of its own."""
    async with AsyncExitStack() as stack:

        def make(*, timeout: float = 10, token: str = SERVICE_TOKEN, lease: float = 60) -> Replica:
            metrics = Metrics(name="scan", version="0")
            database = Database(database_url, name="replica", pool_size=2, timeout=10)
            stack.push_async_callback(database.close)
            secret = SecretStr(token)
            peer = Peer("character", peers.character_url, token=secret, metrics=metrics, timeout=timeout, attempts=1)
            stack.push_async_callback(peer.close)
            return Replica(Rewards(database, metrics, lease_seconds=lease), peer, metrics)

        yield make


@pytest.fixture
def owe(sql: Sql) -> Callable[[], str]:
    """Has a finished task whose reward waits."""

    def owe(user_id: str = "user-1") -> str:
        task_id = str(uuid.uuid4())
        sql(
            "INSERT INTO scan.tasks (id, kind, user_id, payload, state, finished_at)"
            " VALUES ($1, 'classify', $2, '{}', 'done', now())",
            uuid.UUID(task_id),
            user_id,
        )
        request = json.dumps({"request_id": task_id, "user_id": user_id})
        sql("INSERT INTO scan.rewards (task_id, request) VALUES ($1, $2::text::jsonb)", uuid.UUID(task_id), request)
        return task_id

    return owe


async def test_nothing_waits(replica: Callable[..., Replica]) -> None:
    assert await replica().deliver() is False


async def test_a_reward_is_given_and_kept(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    task_id = owe()
    one = replica()
    assert await one.deliver() is True
    assert await one.deliver() is False
    assert sql(STATE) == [("given", None, 1)]
    assert sql("SELECT response ->> 'code', settled_at IS NOT NULL FROM scan.rewards") == [("can", True)]
    assert peers.given == [("user-1", task_id)]
    assert one.counted() == {"given": 1}


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("already_owned", "already_owned"),
        ("insufficiencies_present", "insufficiencies_present"),
        ("no_disposal_rules", "no_disposal_rules"),
        ("no_match", "no_match"),
        ("of_a_newer_release", "other"),
        (None, "other"),
    ],
)
async def test_nothing_is_given_and_the_reason_kept(
    replica: Any, owe: Any, sql: Sql, peers: Peers, reason: str | None, counted: str
) -> None:
    owe()
    owned = reason == "already_owned"
    peers.answer = {
        "received": False,
        "already_owned": owned,
        "character": CARD if owned else None,
        "match_reason": None,
        "reason": reason,
    }
    one = replica()
    await one.deliver()
    assert sql(STATE) == [("none", reason or "other", 1)]
    assert sql("SELECT response ->> 'code' FROM scan.rewards") == [("can" if owned else None,)]
    assert one.counted() == {counted: 1}


@pytest.mark.parametrize(("status", "reason"), [(400, "refused"), (409, "refused"), (422, "refused"), (410, None)])
async def test_a_reward_that_is_refused_is_given_up(
    replica: Any, owe: Any, sql: Sql, peers: Peers, status: int, reason: str | None
) -> None:
    owe()
    peers.stuck["/character/"] = status
    one = replica()
    await one.deliver()
    expected = reason or "user_deleted"
    assert sql(STATE) == [("none", expected, 1)]
    assert one.counted() == {expected: 1}
    sql(DUE_NOW)
    assert await one.deliver() is False


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 302])
async def test_what_says_nothing_of_the_reward_is_tried_again(
    replica: Any, owe: Any, sql: Sql, peers: Peers, status: int
) -> None:
    owe()
    peers.trouble["/character/"] = [status]
    one = replica()
    assert await one.deliver() is False
    assert sql(STATE) == [("pending", None, 1)]
    assert await one.deliver() is False  # not yet
    sql(DUE_NOW)
    await one.deliver()
    assert sql(STATE) == [("given", None, 2)]
    assert one.counted() == {"unavailable": 1, "given": 1}


@pytest.mark.parametrize("answer", ["character", {"received": "perhaps"}, {}])
async def test_an_answer_that_is_not_understood_is_asked_for_again(
    replica: Any, owe: Any, sql: Sql, peers: Peers, answer: Any
) -> None:
    owe()
    peers.answer = answer
    await replica().deliver()
    assert sql(STATE) == [("pending", None, 1)]


async def test_character_says_nothing(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    owe()
    peers.silent.add("/character/")
    await replica(timeout=0.2).deliver()
    assert sql(STATE) == [("pending", None, 1)]


async def test_while_character_is_away_what_waits_is_left_alone(
    settings: MakeSettings, replica: Any, owe: Any, sql: Sql, peers: Peers
) -> None:
    for _ in range(5):
        owe()
    peers.stuck["/character/"] = 503
    one = replica()
    while await one.deliver():  # as the loop does before it pauses
        pass
    assert sql("SELECT attempts FROM scan.rewards ORDER BY 1") == [(0,), (0,), (0,), (0,), (1,)]
    peers.stuck.clear()
    while await one.deliver():
        pass
    assert sql(PENDING) == [(1,)]


async def test_an_answer_that_was_lost_gives_no_second_reward(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    task_id = owe()
    one = replica()
    peers.forgetful = True
    await one.deliver()
    sql(DUE_NOW)
    peers.forgetful = False
    await one.deliver()
    assert sql(STATE) == [("given", None, 2)]
    assert peers.given == [("user-1", task_id)]


async def test_a_replica_that_ends_while_it_asks(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    task_id = owe()
    peers.silent.add("/character/")
    work = asyncio.create_task(replica().deliver())
    await becomes(lambda: peers.asked)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    peers.silent.clear()
    other = replica()
    assert await other.deliver() is False  # it may live yet: the reward is its own for a while
    sql(DUE_NOW)
    await other.deliver()
    assert sql(STATE) == [("given", None, 2)]
    assert peers.given == [("user-1", task_id)]


async def test_an_answer_that_comes_late_changes_nothing(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    owe()
    peers.silent.add("/character/")
    slow, fast = replica(), replica()
    late = asyncio.create_task(slow.deliver())
    await becomes(lambda: peers.asked)
    sql("UPDATE scan.rewards SET state = 'none', reason = 'no_match', settled_at = now()")
    peers.silent.clear()
    assert await late is True
    assert sql(STATE) == [("none", "no_match", 1)]
    assert slow.counted() == fast.counted() == {}


async def test_many_replicas_give_each_reward_once(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    tasks = {owe(f"user-{number % 3}") for number in range(40)}
    replicas = [replica() for _ in range(4)]

    async def work(one: Replica) -> None:
        while await one.deliver():
            pass

    await asyncio.gather(*map(work, replicas))  # one may find nothing while the others have the last ones
    assert sql(PENDING) == [(0,)]
    assert {request for _, request in peers.given} == tasks
    assert len(peers.given) == peers.calls("/rewards") == len(tasks)
    assert sum(one.counted()["given"] for one in replicas if one.counted()) == len(tasks)


async def test_a_first_attempt_is_made_once(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    task_id = uuid.UUID(owe())
    owe()
    one, other = replica(), replica()
    await asyncio.gather(*(made.rewards.deliver_first(made.peer, task_id) for made in (one, other)))
    assert peers.given == [("user-1", str(task_id))]
    assert sql(PENDING) == [(1,)]
    assert peers.calls("/rewards") == 1


async def test_after_a_first_attempt_in_vain_the_loop_goes_on(replica: Any, owe: Any, sql: Sql, peers: Peers) -> None:
    task_id = uuid.UUID(owe())
    peers.stuck["/character/"] = 503
    one = replica()
    for _ in range(2):
        await one.rewards.deliver_first(one.peer, task_id)
    assert sql(STATE) == [("pending", None, 1)]
    assert peers.calls("/rewards") == 1


async def test_every_result_is_there_before_it_happens(client: httpx2.AsyncClient) -> None:
    text = (await client.get("/metrics/status")).text
    for result in RESULTS:
        assert f'eco2_rewards_total{{result="{result}"}} 0.0' in text


def test_pauses_double_up_to_a_bound() -> None:
    for attempts, longest in ((0, FIRST_PAUSE), (3, 8 * FIRST_PAUSE), (10, LONGEST_PAUSE), (2000, LONGEST_PAUSE)):
        assert longest / 2 <= pause(attempts) <= longest


async def test_the_service_asks_for_what_waits(
    settings: MakeSettings, upload: Upload, owe: Any, sql: Sql, peers: Peers
) -> None:
    task_id = owe()
    async with serve(create_app(settings(reward_poll_seconds=0.05)), headers=identity("user-1")) as client:
        await asyncio.to_thread(eventually, lambda: sql(PENDING) == [(0,)])
        answer = await client.post(f"{CLASSIFY}?async=true", json={"image_id": upload()})
        mine = answer.json()["id"]
        await becomes(lambda: len(peers.given) == 2)
        await asyncio.to_thread(eventually, lambda: sql(PENDING) == [(0,)])
        assert (await client.get(answer.headers["location"])).json()["reward"]["state"] == "given"
    assert {request for _, request in peers.given} == {task_id, mine}


async def test_nobody_waits_for_character(settings: MakeSettings, upload: Upload, peers: Peers, sql: Sql) -> None:
    peers.silent.add("/character/")
    async with serve(create_app(settings(reward_first_seconds=0.1)), headers=identity("user-1")) as client:
        answer = await client.post(CLASSIFY, json={"image_id": upload()})
        assert answer.status_code == 200
        assert answer.json()["reward"] == {"state": "pending", "character": None, "reason": None}
        peers.silent.clear()
        sql(DUE_NOW)
        async with serve(create_app(settings(reward_poll_seconds=0.05))):
            await becomes(lambda: len(peers.given) == 1)
            await asyncio.to_thread(eventually, lambda: sql(PENDING) == [(0,)])


@pytest.mark.parametrize("item", [None, "an item of another knowledge base"], ids=["nothing", "unknown"])
async def test_what_is_not_known_earns_nothing(
    client: httpx2.AsyncClient, upload: Upload, sql: Sql, peers: Peers, item: str | None
) -> None:
    image = peers.upload(nothing()) if item is None else upload(item)
    answer = await client.post(CLASSIFY, json={"image_id": image})
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["vision"]["category"] is None
    assert answer.json()["reward"] == {"state": "none", "character": None, "reason": "not_classified"}
    assert sql("SELECT count(*) FROM scan.rewards") == [(0,)]
    assert peers.rewards == {}
