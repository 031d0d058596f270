"""The blacklist as a copy in memory, with a real Redis."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from math import inf
from time import perf_counter
from typing import Any

import pytest
from support.aio import becomes
from support.redis import CHANNEL, Redis

from eco2_authz.blacklist import mirror as module
from eco2_authz.blacklist import primary
from eco2_authz.blacklist.address import Address, parse
from eco2_authz.blacklist.connection import Connection
from eco2_authz.blacklist.mirror import Mirror
from eco2_authz.errors import RedisUnavailable

TRUSTED = 0.4


@pytest.fixture
def dropped() -> list[str]:
    """The ids the mirror has reported."""
    return []


@pytest.fixture
async def connect(dropped: list[str]) -> AsyncIterator[Callable[..., Mirror]]:
    async with AsyncExitStack() as stack:

        async def make(url: str, *, limit: int = 10_000, trusted: float = TRUSTED) -> Mirror:
            mirror = Mirror(parse(url), limit=limit, trusted=trusted, on_revoked=dropped.append, random=lambda: 0.5)
            await mirror.start()
            stack.push_async_callback(mirror.stop)
            return mirror

        yield make


async def ready(mirror: Mirror) -> Mirror:
    await becomes(lambda: mirror.ready)
    return mirror


def revoked(mirror: Mirror, jti: str) -> bool:
    return mirror.revoked(jti, perf_counter())


def unsure(mirror: Mirror, jti: str = "unknown") -> bool:
    try:
        mirror.revoked(jti, perf_counter())
    except RedisUnavailable:
        return True
    return False


async def test_it_reads_every_key_of_any_type(redis: Redis, connect, dropped: list[str]) -> None:
    redis.revoke(*(f"t{number}" for number in range(600)))
    redis.do("HSET", "blacklist:hash", "a", "b")
    redis.do("SET", "blacklist:", "no id")
    redis.do("SET", "other:t9999", "1")
    mirror = await ready(await connect(redis.url))
    assert mirror.entries == 601
    assert revoked(mirror, "t0")
    assert revoked(mirror, "t599")
    assert revoked(mirror, "hash")
    assert not revoked(mirror, "t9999")
    assert sorted(dropped) == sorted([*(f"t{number}" for number in range(600)), "hash"])


async def test_until_it_has_read_all_it_trusts_nothing(redis: Redis, connect) -> None:
    mirror = await connect(redis.url)
    assert unsure(mirror)
    await ready(mirror)
    assert not unsure(mirror)


async def test_a_revocation_arrives_and_its_end_is_learnt(redis: Redis, connect, dropped: list[str]) -> None:
    mirror = await ready(await connect(redis.url))
    assert not revoked(mirror, "new")
    redis.revoke("new", seconds=100)
    began = perf_counter()
    await becomes(lambda: revoked(mirror, "new"))
    await becomes(lambda: mirror._expiries["new"] < inf)
    assert 90 < mirror._expiries["new"] - began < 101
    redis.revoke("new", seconds=200)
    await becomes(lambda: mirror._expiries["new"] - began > 150)
    redis.revoke("new", seconds=10)
    redis.revoke("last")
    await becomes(lambda: revoked(mirror, "last"))
    assert mirror._expiries["new"] - began > 150
    assert dropped == ["new", "last"]


async def test_without_an_end_it_stays(redis: Redis, connect) -> None:
    redis.do("SET", "blacklist:forever", "1")
    mirror = await ready(await connect(redis.url))
    redis.revoke("made longer", seconds=100)
    redis.do("PERSIST", "blacklist:made longer")
    redis.do("PUBLISH", CHANNEL, "made longer")
    await becomes(lambda: revoked(mirror, "made longer"))
    await becomes(lambda: mirror._connection.outstanding == 0)
    assert {mirror._expiries[jti] for jti in ("forever", "made longer")} == {inf}


async def test_an_end_that_cannot_be_learnt_is_far_away(redis: Redis, connect) -> None:
    """Published without a key, or for a token that expired long ago: a key with such an end is never there."""
    mirror = await ready(await connect(redis.url))
    redis.do("PUBLISH", CHANNEL, "without a key")
    redis.revoke("expired", seconds=-100)
    await becomes(lambda: revoked(mirror, "expired"))
    await becomes(lambda: mirror._connection.outstanding == 0)
    with redis.paused():
        mirror._pushed([b"message", CHANNEL.encode(), b"cut off"])
        await becomes(lambda: mirror._expiries["cut off"] < inf)  # when the connection has been given up
    for jti in ("without a key", "expired", "cut off"):
        assert 80_000 < mirror._expiries[jti] - perf_counter() < 90_000
        assert revoked(mirror, jti)


async def test_what_cannot_be_an_id_is_passed_over(redis: Redis, connect) -> None:
    mirror = await ready(await connect(redis.url))
    with redis.client() as client:
        for message in (b"", b"\xff\xfe", b"x" * 513):
            client.publish(CHANNEL, message)
            client.set(b"blacklist:" + message, "1")
        client.publish("another", "elsewhere")
    redis.revoke("last")
    await becomes(lambda: revoked(mirror, "last"))
    assert mirror.entries == 1
    first = mirror._connection
    redis.do("CLIENT", "KILL", "TYPE", "pubsub")
    await becomes(lambda: mirror._connection not in (None, first))
    await ready(mirror)
    assert mirror.entries == 1


async def test_expired_ones_are_forgotten(redis: Redis, connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eco2_authz.blacklist.revocations._SPAN", 0.05)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "SWEEP_COUNT", 2)
    redis.revoke(*"abcde", seconds=0.3)
    redis.revoke("stays")
    mirror = await ready(await connect(redis.url))
    assert revoked(mirror, "a")
    await becomes(lambda: mirror.entries == 1)
    assert revoked(mirror, "stays")


async def test_a_killed_redis_is_noticed_at_once_and_read_again(redis: Redis, connect) -> None:
    redis.revoke("before")
    mirror = await ready(await connect(redis.url, trusted=2.0))
    redis.kill()
    began = perf_counter()
    await becomes(lambda: unsure(mirror))
    assert perf_counter() - began < 1
    assert revoked(mirror, "before")
    await asyncio.to_thread(redis.start)
    redis.revoke("meanwhile")  # perhaps before the mirror is back
    await ready(mirror)
    await becomes(lambda: revoked(mirror, "meanwhile"))
    assert revoked(mirror, "before")
    assert not revoked(mirror, "other")


async def test_what_is_revoked_while_it_is_away_is_refused_after_it_is_back(
    redis: Redis, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = await ready(await connect(redis.url))
    redis.do("CONFIG", "SET", "maxclients", 2)  # one of the rig, and one of the mirror
    redis.do("CLIENT", "KILL", "TYPE", "pubsub")
    with redis.client() as first, redis.client() as second:
        first.ping()
        second.ping()
        await becomes(lambda: unsure(mirror))
        first.set("blacklist:meanwhile", "1")
        first.publish(CHANNEL, "meanwhile")
    await ready(mirror)
    assert revoked(mirror, "meanwhile")


async def test_an_empty_redis_does_not_bring_tokens_back(redis: Redis, connect) -> None:
    redis.revoke("scanned")
    mirror = await ready(await connect(redis.url))
    redis.revoke("published")
    await becomes(lambda: revoked(mirror, "published"))
    redis.do("FLUSHALL")
    assert revoked(mirror, "scanned")
    await asyncio.to_thread(redis.replace)
    await ready(mirror)
    assert redis.do("DBSIZE") == 0
    assert revoked(mirror, "scanned")
    assert revoked(mirror, "published")
    assert not revoked(mirror, "other")


async def test_a_silent_redis_is_trusted_only_for_a_while(redis: Redis, connect) -> None:
    redis.revoke("known")
    mirror = await ready(await connect(redis.url))
    with redis.paused():
        began = perf_counter()
        await becomes(lambda: unsure(mirror))
        assert perf_counter() - began <= TRUSTED + 0.1
        assert revoked(mirror, "known")
    await ready(mirror)
    assert not revoked(mirror, "other")


async def test_a_busy_loop_does_not_make_it_trusted_for_longer(redis: Redis, connect) -> None:
    mirror = await ready(await connect(redis.url))
    end = perf_counter() + TRUSTED + 0.01
    while perf_counter() < end:  # nothing else runs: no message, no timer
        pass
    assert unsure(mirror)
    await ready(mirror)


async def test_with_more_than_fit_it_trusts_nothing(
    redis: Redis, connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "FULL_SECONDS", 0.05)
    redis.revoke(*"abcd")
    mirror = await connect(redis.url, limit=3)
    await becomes(lambda: mirror.entries == 3)
    await becomes(lambda: "AUTHZ_MIRROR_ENTRIES" in str(caplog.records[-1].__dict__))
    assert not mirror.ready
    assert unsure(mirror)
    assert sum(revoked(mirror, jti) for jti in mirror._expiries) == 3
    assert len(caplog.records) == 1


async def test_when_a_message_does_not_fit_it_trusts_nothing_until_there_is_room(
    redis: Redis, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FULL_SECONDS", 0.05)
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr("eco2_authz.blacklist.revocations._SPAN", 0.05)
    redis.revoke("short", seconds=1)
    mirror = await ready(await connect(redis.url, limit=2))
    redis.revoke("a", "b")
    await becomes(lambda: unsure(mirror))
    assert mirror.entries == 2
    assert "AUTHZ_MIRROR_ENTRIES" in mirror._why
    await ready(mirror)
    assert revoked(mirror, "a")
    assert revoked(mirror, "b")


async def test_a_replica_is_never_read(redis: Redis, connect) -> None:
    mirror = await ready(await connect(redis.url))
    redis.do("REPLICAOF", "127.0.0.1", "1")
    await becomes(lambda: unsure(mirror))
    await becomes(lambda: "no primary" in mirror._why)
    redis.do("REPLICAOF", "NO", "ONE")
    await ready(mirror)


async def test_what_it_has_to_be_allowed(redis: Redis, connect) -> None:
    rules = ("~blacklist:*", "resetchannels", "&blacklist", "+hello", "+select", "+subscribe", "+scan", "+pttl")
    redis.do("ACL", "SETUSER", "least", "on", ">secret", *rules)
    redis.revoke("before")
    mirror = await ready(await connect(f"redis://least:secret@127.0.0.1:{redis.port}/0"))
    redis.revoke("after")
    await becomes(lambda: mirror._expiries["after"] < inf)
    assert revoked(mirror, "before")


async def test_a_channel_that_may_not_be_read_is_no_mirror(redis: Redis, connect) -> None:
    redis.do("ACL", "SETUSER", "narrow", "on", ">secret", "~blacklist:*", "resetchannels", "+@all")
    mirror = await connect(f"redis://narrow:secret@127.0.0.1:{redis.port}/0")
    await becomes(lambda: "NOPERM" in mirror._why)
    assert not mirror.ready
    redis.do("ACL", "SETUSER", "narrow", "&blacklist")
    await ready(mirror)


async def test_whenever_it_is_trusted_it_knows_what_was_revoked_before(redis: Redis, connect) -> None:
    """Its connection is killed again and again while tokens are revoked."""
    mirror = await ready(await connect(redis.url))
    done: list[str] = []
    stop = threading.Event()

    def revoke() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            redis.revoke(f"t{number}")
            done.append(f"t{number}")
            if number % 10 == 0:
                redis.do("CLIENT", "KILL", "TYPE", "pubsub")

    thread = threading.Thread(target=revoke)
    thread.start()
    try:
        known = 0
        while len(done) < 400:
            upto = len(done)
            await asyncio.sleep(0.05)  # what was revoked before arrives, or the mirror knows that it may not have
            missing = [jti for jti in done[:upto] if jti not in mirror._expiries]
            assert not missing or not mirror.ready
            known += not missing
        assert known
    finally:
        stop.set()
        thread.join()
    await ready(mirror)
    await becomes(lambda: all(jti in mirror._expiries for jti in done))


async def test_a_message_that_does_not_fit_ends_trust_at_that_moment(redis: Redis, connect) -> None:
    mirror = await ready(await connect(redis.url, limit=1))
    for jti in (b"first", b"second"):
        mirror._pushed([b"message", CHANNEL.encode(), jti])
    assert revoked(mirror, "first")
    assert unsure(mirror, "second")


async def test_an_answer_of_a_connection_that_is_gone_proves_nothing(
    redis: Redis, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = await ready(await connect(redis.url))
    checked = primary.check

    async def check_and_lose(connection: Connection, address: Address) -> None:
        await checked(connection, address)
        connection.abort("it was lost meanwhile")
        await connection.closed

    monkeypatch.setattr(primary, "check", check_and_lose)
    await becomes(lambda: not mirror.ready)
    for _ in range(100):
        await asyncio.sleep(0)
        assert unsure(mirror)


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
