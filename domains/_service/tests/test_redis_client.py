"""Clients of a real Redis, directly and by its sentinels."""

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis as Client
from redis.exceptions import ResponseError
from support import redis as servers
from support.redis import Redis
from support.waits import eventually

from eco2_service.redis_client import RedisUnavailable, connect_redis, redis_answers


async def test_a_client_answers_bytes(redis_server: Redis) -> None:
    client = connect_redis(SecretStr(redis_server.url))
    await client.set("key", "value")
    assert await client.get("key") == b"value"
    await client.aclose()


async def test_a_restart_is_survived() -> None:
    with servers.running() as server:
        client = connect_redis(server.url)
        await client.ping()
        server.restart()
        await client.ping()
        await client.aclose()


async def test_nobody_there() -> None:
    client = connect_redis("redis://:password@127.0.0.1:1/0")
    with pytest.raises(RedisUnavailable) as caught, redis_answers():
        await client.ping()
    assert caught.value.status == 503
    assert "password" not in caught.value.detail
    await client.aclose()


async def test_one_that_says_nothing_is_given_up() -> None:
    with servers.running() as server:
        client = connect_redis(server.url)
        with server.paused(), pytest.raises(RedisUnavailable), redis_answers():
            await client.ping()
        await client.aclose()


async def test_what_it_refuses_is_an_error_of_the_program(redis_server: Redis) -> None:
    client = connect_redis(redis_server.url)
    with pytest.raises(ResponseError), redis_answers():
        await client.execute_command("NONSENSE")
    await client.aclose()


@pytest.mark.parametrize(
    "trouble",
    [
        ["CONFIG SET maxmemory 1"],
        ["REPLICAOF 127.0.0.1 1"],
        ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"],
        ["CONFIG SET min-replicas-to-write 1"],
    ],
    ids=["no memory", "read only", "no primary", "no replicas"],
)
async def test_what_it_cannot_for_now_is_unavailable(trouble: list[str]) -> None:
    with servers.running() as server:
        client = connect_redis(server.url)
        script = client.register_script("return redis.call('SET', KEYS[1], 1)")
        await script(keys=["key"])
        for command in trouble:
            server.do(*command.split())
        for write in (client.set("key", "value"), script(keys=["key"]), _transaction(client)):
            with pytest.raises(RedisUnavailable), redis_answers():
                await write
        await client.aclose()


async def _transaction(client: Client) -> None:
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.set("key", "value")
        pipeline.publish("channel", "value")
        await pipeline.execute()


async def test_a_primary_that_takes_no_writes_any_more_is_left(redis_server: Redis) -> None:
    client = connect_redis(redis_server.url)
    before = await client.client_id()
    redis_server.do("REPLICAOF", "127.0.0.1", "1")  # by now the address may lead to another
    try:
        with pytest.raises(RedisUnavailable), redis_answers():
            await client.set("key", "value")
        assert await client.client_id() != before
    finally:
        redis_server.do("REPLICAOF", "NO", "ONE")
    await client.set("key", "value")
    await client.aclose()


async def test_the_primary_is_asked_of_the_sentinels() -> None:
    with servers.running(requirepass="s:cret") as server, servers.running(sentinel=True) as sentinel:
        sentinel.do("SENTINEL", "MONITOR", "main", "127.0.0.1", server.port, 1)
        sentinel.do("SENTINEL", "SET", "main", "auth-pass", "s:cret")
        client = connect_redis(f"redis+sentinel://:s%3Acret@127.0.0.1:1,127.0.0.1:{sentinel.port}/main/3")
        await client.set("key", "value")
        eventually(lambda: server.do("DBSIZE") == 0)  # not in database 0
        assert client.connection_pool.connection_kwargs["db"] == 3
        await client.aclose()


def test_sentinels_need_a_master() -> None:
    with pytest.raises(ValueError, match="names the master"):
        connect_redis("redis+sentinel://127.0.0.1:26379")
