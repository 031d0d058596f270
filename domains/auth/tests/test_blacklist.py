"""The recipe by which tokens are revoked."""

import asyncio

import pytest
from redis.asyncio import Redis as Client
from support.auth import Clock
from support.redis import Redis, running

from eco2_auth.blacklist import KEPT_SECONDS, Blacklist
from eco2_auth.tokens import TokenPayload
from eco2_service.redis_client import RedisUnavailable, connect_redis


def payload(jti: str, exp: int) -> TokenPayload:
    return TokenPayload(sub="user-1", provider="kakao", type="access", jti=jti * 32, iat=0, nbf=0, exp=exp)


async def test_key_and_message_are_one_transaction(redis_server: Redis, redis_client: Client, clock: Clock) -> None:
    exp = int(clock()) + 600
    with redis_server.client() as watcher, watcher.monitor() as monitor:
        await Blacklist(redis_client, clock=clock).add([payload("a", exp), payload("b", exp + 1)])
        commands = []
        while not commands or commands[-1] != "EXEC":
            commands.append((await asyncio.to_thread(monitor.next_command))["command"])
    until = (exp + KEPT_SECONDS) * 1000
    assert commands[commands.index("MULTI") :] == [
        "MULTI",
        f"SET blacklist:{'a' * 32} 1 PXAT {until}",
        f"PUBLISH blacklist {'a' * 32}",
        f"SET blacklist:{'b' * 32} 1 PXAT {until + 1000}",
        f"PUBLISH blacklist {'b' * 32}",
        "EXEC",
    ]


async def test_what_expired_long_ago_needs_no_entry(redis_client: Client, clock: Clock) -> None:
    now = int(clock())
    await Blacklist(redis_client, clock=clock).add(
        [payload("a", now - KEPT_SECONDS - 1), payload("b", now - KEPT_SECONDS + 30)]
    )
    assert await redis_client.keys("blacklist:*") == [f"blacklist:{'b' * 32}".encode()]
    await Blacklist(redis_client, clock=clock).add([])


async def test_without_redis_nothing_is_revoked(clock: Clock) -> None:
    with running() as server:
        client = connect_redis(server.url)
        await asyncio.to_thread(server.kill)
        with pytest.raises(RedisUnavailable):
            await Blacklist(client, clock=clock).add([payload("a", int(clock()) + 600)])
        await client.aclose()
