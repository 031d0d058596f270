"""The saga: each domain down in turn, workers that end in the middle of a step, several workers at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from support.aio import becomes
from support.other_domains import OtherDomains

from eco2_my.deleting import LONGEST_PAUSE, Deleting
from eco2_my.deletion_store import Deletions
from eco2_my.settings import Settings
from eco2_my.steps import ORDER, OWN
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer

OTHERS = ORDER[:-1]
DUE_NOW = "UPDATE my.deletions SET next_attempt_at = now() WHERE finished_at IS NULL"
UNFINISHED = "SELECT count(*) FROM my.deletions WHERE finished_at IS NULL"
RECORD = "SELECT steps, attempts, last_error, finished_at IS NOT NULL FROM my.deletions"
PEOPLE = "SELECT count(*) FROM my.users"

Sql = Callable[..., list[tuple[Any, ...]]]
Worker = Callable[..., Deleting]


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    """Makes a replica's worker, with connections of its own."""
    async with AsyncExitStack() as stack:

        def make(*, call_seconds: float = 10, pause: float = 0, **urls: str) -> Deleting:
            metrics = Metrics(name="my", version="0")
            database = Database.from_settings(settings, name="worker")
            stack.push_async_callback(database.close)
            peers = {
                name: Peer(name, url, token=settings.service_token, metrics=metrics, timeout=call_seconds, attempts=1)
                for name, url in settings.model_copy(update=urls).domain_urls.items()
                if url is not None
            }
            for peer in peers.values():
                stack.push_async_callback(peer.close)
            return Deleting(Deletions(database), peers, metrics, call_seconds=call_seconds, pause=pause)

        yield make


@pytest.fixture
def leave(sql: Sql) -> Callable[[str], None]:
    """Has a user that is there ask to be deleted."""

    def leave(user_id: str = "user-1") -> None:
        sql("INSERT INTO my.users (id, pushed_version, is_leaving) VALUES ($1, 1, true)", user_id)
        sql("INSERT INTO my.deletions (user_id) VALUES ($1)", user_id)

    return leave


async def all_due(worker: Deleting) -> int:
    """Work until nothing is due, and say how many steps that were."""
    steps = 0
    while await worker.run_once():
        steps += 1
    return steps


async def test_nothing_to_do(worker: Worker) -> None:
    assert await worker().run_once() is False


@pytest.mark.parametrize("down", OTHERS)
@pytest.mark.parametrize("status", [503, 401])
async def test_a_deletion_waits_for_a_domain_that_is_down(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains, down: str, status: int
) -> None:
    leave()
    domains.trouble[down] = status
    before = OTHERS[: OTHERS.index(down)]
    assert await all_due(worker(pause=60)) == len(before) + 1
    assert sql(RECORD) == [(json(dict.fromkeys(before, "done")), 1, f"status {status}", False)]
    assert sql(PEOPLE) == [(1,)]
    assert domains.asked == [(domain, "user-1") for domain in (*before, down)]
    domains.trouble.clear()
    sql(DUE_NOW)
    assert await all_due(worker()) == len(ORDER) - len(before)
    assert sql(RECORD) == [(json(dict.fromkeys(ORDER, "done")), 0, None, True)]
    assert sql(PEOPLE) == [(0,)]
    assert domains.forgotten == [(domain, "user-1") for domain in OTHERS]


def json(steps: dict[str, str]) -> str:
    """As PostgreSQL writes it: the keys by length, then by name."""
    keys = sorted(steps, key=lambda key: (len(key), key))
    return "{" + ", ".join(f'"{key}": "{steps[key]}"' for key in keys) + "}"


@pytest.mark.parametrize("down", OTHERS)
async def test_a_domain_that_says_nothing(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains, down: str
) -> None:
    leave()
    domains.silent.add(down)
    await all_due(worker(call_seconds=0.2, pause=60))
    assert sql("SELECT attempts, last_error FROM my.deletions") == [(1, "timeout")]
    domains.silent.clear()
    sql(DUE_NOW)
    await all_due(worker())
    assert sql(UNFINISHED) == [(0,)]


async def test_a_domain_that_does_not_listen(worker: Worker, leave: Any, sql: Sql) -> None:
    leave()
    await all_due(worker(scan_url="http://127.0.0.1:9", pause=60))
    assert sql("SELECT attempts, last_error FROM my.deletions") == [(1, "unreachable")]


async def test_what_does_not_know_the_path_is_not_the_domain(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains
) -> None:
    leave()
    domains.trouble["chat"] = 404
    await all_due(worker(pause=60))
    assert sql("SELECT attempts, last_error FROM my.deletions") == [(1, "status 404")]


@pytest.mark.parametrize("domain", OTHERS)
async def test_a_worker_that_ends_in_the_middle_of_a_step(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains, domain: str
) -> None:
    leave()
    domains.silent.add(domain)
    work = asyncio.create_task(all_due(worker()))
    await becomes(lambda: (domain, "user-1") in domains.asked)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    domains.silent.clear()
    assert await worker().run_once() is False  # it may live yet: the deletion is its own for a while
    sql(DUE_NOW)
    await all_due(worker())
    assert sql(RECORD) == [(json(dict.fromkeys(ORDER, "done")), 0, None, True)]
    assert set(domains.forgotten) == {(name, "user-1") for name in OTHERS}


async def test_a_worker_that_ends_while_it_deletes_here(
    worker: Worker, leave: Any, sql: Sql, database_url: str, domains: OtherDomains
) -> None:
    leave()
    database = Database(database_url, name="tests", pool_size=1, timeout=10)
    async with database.begin() as connection:
        await connection.exec_driver_sql("SELECT 1 FROM my.users FOR UPDATE")  # the deletion has to wait here
        work = asyncio.create_task(all_due(worker()))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'worker'"
        await becomes(lambda: sql(waits) == [(1,)])
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    await database.close()
    assert sql(PEOPLE) == sql(UNFINISHED) == [(1,)]
    sql(DUE_NOW)
    await all_due(worker())
    assert sql(PEOPLE) == sql(UNFINISHED) == [(0,)]


async def test_an_answer_that_comes_after_the_lease_changes_nothing(
    worker: Worker, leave: Any, sql: Sql, settings: Settings, domains: OtherDomains
) -> None:
    leave()
    domains.silent.add("auth")
    late = asyncio.create_task(worker().run_once())
    await becomes(lambda: domains.asked)
    sql(DUE_NOW)  # as time does
    database = Database.from_settings(settings, name="tests")
    lease = await Deletions(database).lease(60)
    domains.silent.clear()
    await late
    assert sql(RECORD) == [("{}", 0, None, False)]
    assert lease is not None
    assert await Deletions(database).end_step(lease, "auth", "done") is True
    await database.close()


async def test_two_workers_share_the_work(worker: Worker, leave: Any, sql: Sql, domains: OtherDomains) -> None:
    people = [f"user-{number}" for number in range(12)]
    for person in people:
        leave(person)
    first, second = await asyncio.gather(all_due(worker()), all_due(worker()))
    while sql(UNFINISHED) != [(0,)]:  # one may have found nothing due while the other had the last ones
        await all_due(worker())
    assert first > 0
    assert second > 0
    assert sql(PEOPLE) == [(0,)]
    assert sorted(domains.asked) == sorted((domain, person) for domain in OTHERS for person in people)
    for person in people:
        assert [domain for domain, user in domains.forgotten if user == person] == list(OTHERS)


async def test_a_deletion_that_fails_holds_up_no_other(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains
) -> None:
    leave("user-1")
    domains.trouble["scan"] = 500
    await all_due(worker(pause=60))
    domains.trouble.clear()
    leave("user-2")
    await all_due(worker())
    assert sql("SELECT user_id FROM my.deletions WHERE finished_at IS NULL") == [("user-1",)]


async def test_pauses_double_up_to_a_bound(worker: Worker, leave: Any, sql: Sql, domains: OtherDomains) -> None:
    leave()
    domains.trouble["auth"] = 503
    patient = worker(pause=1)
    for attempts, pause in ((0, 1.0), (3, 8.0), (7, 128.0), (9, LONGEST_PAUSE), (2000, LONGEST_PAUSE)):
        sql("UPDATE my.deletions SET next_attempt_at = now(), attempts = $1", attempts)
        assert await patient.run_once() is True
        [(waits, counted)] = sql("SELECT extract(epoch FROM next_attempt_at - now()), attempts FROM my.deletions")
        assert 0.5 * pause < waits <= 1.2 * pause
        assert counted == attempts + 1


async def test_a_user_id_is_one_segment_of_the_path(
    worker: Worker, leave: Any, sql: Sql, domains: OtherDomains
) -> None:
    leave("a?b#c%2F")
    await all_due(worker())
    assert domains.forgotten == [(domain, "a?b#c%2F") for domain in OTHERS]


async def test_own_step_done_by_a_worker_that_lost_its_lease_deletes_nothing(
    settings: Settings, leave: Any, sql: Sql
) -> None:
    leave()
    database = Database.from_settings(settings, name="tests")
    deletions = Deletions(database)
    lease = await deletions.lease(60)
    assert lease is not None
    sql(DUE_NOW)
    assert await deletions.forget_user(lease) is False
    assert await deletions.end_step(lease, OWN, "done") is False
    assert await deletions.fail_step(lease, "timeout", 1) is False
    await database.close()
    assert sql(PEOPLE) == sql(UNFINISHED) == [(1,)]
