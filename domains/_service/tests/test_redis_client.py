"""Clients of a real Redis, directly and by its sentinels."""

import pytest
from pydantic import SecretStr
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
