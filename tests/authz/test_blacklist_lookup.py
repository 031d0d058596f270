"""The blacklist that asks, with a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any

import pytest
from support.aio import becomes
from support.redis import Redis

from eco2_authz.blacklist import lookup as module
from eco2_authz.blacklist import primary
from eco2_authz.blacklist.address import parse
from eco2_authz.blacklist.connection import Connection
from eco2_authz.blacklist.lookup import Lookup
from eco2_authz.errors import RedisUnavailable

LIMIT = 0.1


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Lookup]]:
    async with AsyncExitStack() as stack:

        async def make(url: str, *, connections: int = 2) -> Lookup:
            lookup = Lookup(parse(url), connections=connections, limit=LIMIT, random=lambda: 0.5)
            await lookup.start()
            stack.push_async_callback(lookup.stop)
            return lookup

        yield make


async def ready(lookup: Lookup) -> Lookup:
    await becomes(lambda: lookup.ready)
    return lookup


async def revoked(lookup: Lookup, jti: str) -> bool:
    return bool(await lookup.revoked(jti, perf_counter()))


async def test_a_key_of_any_type_revokes(redis: Redis, connect) -> None:
    redis.revoke("by-the-recipe")
    redis.do("SET", "blacklist:empty", "")
    redis.do("HSET", "blacklist:hash", "a", "b")
    redis.do("RPUSH", "blacklist:list", "a")
    lookup = await ready(await connect(redis.url))
    for jti in ("by-the-recipe", "empty", "hash", "list"):
        assert await revoked(lookup, jti) is True
    for jti in ("other", "*", "by-the-recipe ", "a\r\nb", "é"):
        assert await revoked(lookup, jti) is False


async def test_answers_belong_to_their_questions(redis: Redis, connect) -> None:
    redis.revoke(*(f"t{number}" for number in range(0, 300, 3)))
    lookup = await ready(await connect(redis.url))
    answers = await asyncio.gather(*(revoked(lookup, f"t{number}") for number in range(300)))
    assert answers == [number % 3 == 0 for number in range(300)]


async def test_questions_of_one_moment_are_one_batch(redis: Redis, connect) -> None:
    lookup = await ready(await connect(redis.url, connections=1))
    before = int(redis.do("INFO", "stats")["total_reads_processed"])
    await asyncio.gather(*(revoked(lookup, f"t{number}") for number in range(500)))
    assert int(redis.do("INFO", "stats")["total_reads_processed"]) - before < 10


async def test_before_it_is_connected_it_refuses(connect) -> None:
    lookup = await connect("redis://127.0.0.1:1/0")
    with pytest.raises(RedisUnavailable):
        lookup.revoked("any", perf_counter())
    assert not lookup.ready


async def test_a_killed_redis_refuses_at_once_and_is_found_again(redis: Redis, connect) -> None:
    lookup = await ready(await connect(redis.url))
    redis.revoke("revoked")
    redis.kill()
    await becomes(lambda: not lookup.ready)
    began = perf_counter()
    with pytest.raises(RedisUnavailable):
        lookup.revoked("revoked", began)
    assert perf_counter() - began < LIMIT / 2
    await asyncio.to_thread(redis.start)
    began = perf_counter()
    await becomes(lambda: lookup.ready)
    assert perf_counter() - began < 1
    assert await revoked(lookup, "revoked") is True


async def test_who_waits_when_it_is_killed_is_told(redis: Redis, connect) -> None:
    lookup = await ready(await connect(redis.url))
    with redis.paused():
        waiting = [asyncio.ensure_future(lookup.revoked(f"t{n}", perf_counter())) for n in range(20)]
        redis.kill()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, RedisUnavailable) for outcome in outcomes)
        await asyncio.to_thread(redis.start)


async def test_a_silent_redis_costs_the_time_limit_and_then_nothing(redis: Redis, connect) -> None:
    lookup = await ready(await connect(redis.url))
    with redis.paused():
        began = perf_counter()
        with pytest.raises(RedisUnavailable, match="100 ms"):
            await lookup.revoked("any", began)
        assert LIMIT <= perf_counter() - began < 1
        while lookup.ready:  # the reserve is found to be silent as well
            with pytest.raises(RedisUnavailable):
                await lookup.revoked("any", perf_counter())
        began = perf_counter()
        for _ in range(1000):
            with pytest.raises(RedisUnavailable):
                lookup.revoked("any", began)
        assert perf_counter() - began < 1
    await becomes(lambda: lookup.ready)
    assert await revoked(lookup, "any") is False


async def test_questions_to_a_silent_redis_are_bounded(redis: Redis, connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 100)
    lookup = await ready(await connect(redis.url, connections=1))
    with redis.paused():
        waiting = [asyncio.ensure_future(lookup.revoked("any", perf_counter())) for _ in range(100)]
        with pytest.raises(RedisUnavailable, match="too many"):
            lookup.revoked("any", perf_counter())
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {RedisUnavailable}


async def test_who_goes_away_does_not_disturb_the_others(redis: Redis, connect) -> None:
    redis.revoke("second")
    lookup = await ready(await connect(redis.url))
    with redis.paused():
        first = lookup.revoked("first", perf_counter())
        second = lookup.revoked("second", perf_counter())
        await asyncio.sleep(0)
        first.cancel()
    assert bool(await second) is True


async def test_a_reserve_takes_over(redis: Redis, connect) -> None:
    lookup = await ready(await connect(redis.url))
    await becomes(lambda: len(lookup._open) == 2)
    in_use = lookup._open[0]
    redis.do("CLIENT", "KILL", "ID", await in_use.command("CLIENT", "ID"))
    await becomes(in_use.closed.done)
    assert lookup.ready
    assert await revoked(lookup, "any") is False
    await becomes(lambda: len(lookup._open) == 2)


async def test_a_replica_is_never_asked(redis: Redis, connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    lookup = await ready(await connect(redis.url))
    redis.do("REPLICAOF", "127.0.0.1", "1")
    await becomes(lambda: not lookup.ready)
    with pytest.raises(RedisUnavailable, match="no primary but a replica"):
        lookup.revoked("any", perf_counter())
    redis.do("REPLICAOF", "NO", "ONE")
    await becomes(lambda: lookup.ready)


async def test_a_redis_that_may_not_be_asked_is_unavailable(redis: Redis, connect) -> None:
    redis.do("ACL", "SETUSER", "narrow", "on", ">secret", "~other:*", "+@all")
    lookup = await connect(f"redis://narrow:secret@127.0.0.1:{redis.port}/0")
    await becomes(lambda: "NOPERM" in lookup._why)
    assert not lookup.ready
    assert "secret" not in lookup._why


async def test_with_a_password_another_database_and_a_socket(redis: Redis, connect) -> None:
    redis.do("ACL", "SETUSER", "authz", "on", ">p@ss/word", "~blacklist:*", "+hello", "+select", "+exists")
    redis.do("CONFIG", "SET", "requirepass", "")
    with redis.client() as client:
        client.select(3)
        client.set("blacklist:third", "1")
    over_socket = await ready(await connect(f"unix://authz:p%40ss%2Fword@{redis.socket}?db=3"))
    assert await revoked(over_socket, "third") is True
    over_tcp = await ready(await connect(f"redis://authz:p%40ss%2Fword@127.0.0.1:{redis.port}/3"))
    assert await revoked(over_tcp, "third") is True
    elsewhere = await ready(await connect(redis.url))
    assert await revoked(elsewhere, "third") is False
    wrong = await connect(f"redis://authz:wrong@127.0.0.1:{redis.port}/3")
    await becomes(lambda: "WRONGPASS" in wrong._why)


async def test_a_fault_of_ours_is_logged_and_it_is_tried_again(
    redis: Redis, connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [ZeroDivisionError(), ZeroDivisionError()]
    really = primary.connect

    async def sometimes(*arguments: Any, **options: Any) -> Connection:
        if faults:
            raise faults.pop()
        return await really(*arguments, **options)

    monkeypatch.setattr(primary, "connect", sometimes)
    await ready(await connect(redis.url))
    assert any(record.exc_info for record in caplog.records)
