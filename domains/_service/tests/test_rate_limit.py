"""How often somebody may ask, in a real Redis."""

import asyncio
from typing import Any

import pytest
from fastapi import Request
from pydantic import SecretStr
from support.example_service import PREFIX, make_app
from support.redis import Redis
from support.services import serve

from eco2_service.metrics import Metrics
from eco2_service.problems import TooManyRequests
from eco2_service.rate_limit import RateLimit, client_address
from eco2_service.redis_client import RedisUnavailable, connect_redis
from eco2_service.settings import ServiceSettings


async def passed(limit: RateLimit, key: str) -> bool:
    try:
        await limit.check(key)
    except TooManyRequests:
        return False
    return True


async def test_as_many_as_allowed_pass_at_once_however_they_come(redis_server: Redis) -> None:
    redis = connect_redis(redis_server.url)
    limit = RateLimit(redis, "x", count=20, seconds=3600)
    assert sum(await asyncio.gather(*(passed(limit, "a") for _ in range(100)))) == 20
    assert await passed(limit, "b")  # somebody else
    await redis.aclose()


async def test_one_more_passes_after_the_time_that_was_told(redis_server: Redis) -> None:
    redis = connect_redis(redis_server.url)
    limit = RateLimit(redis, "x", count=2, seconds=4)
    assert [await passed(limit, "a") for _ in range(3)] == [True, True, False]
    with pytest.raises(TooManyRequests) as caught:
        await limit.check("a")
    assert caught.value.headers == {"retry-after": "2"}
    await asyncio.sleep(2.1)  # what is tested is that time, by Redis' own clock
    assert [await passed(limit, "a") for _ in range(2)] == [True, False]
    await redis.aclose()


async def test_buckets_end_by_themselves(redis_server: Redis) -> None:
    redis = connect_redis(redis_server.url)
    await RateLimit(redis, "x", count=20, seconds=60).check("a")
    assert 0 < await redis.pttl("rate:x:a") <= 3000
    await redis.aclose()


async def test_without_redis_it_refuses_or_passes_and_counts() -> None:
    redis = connect_redis("redis://127.0.0.1:1/0")
    with pytest.raises(RedisUnavailable):
        await RateLimit(redis, "x", count=1).check("a")
    metrics = Metrics(name="x", version="1")
    await RateLimit(redis, "x", count=1, metrics=metrics).check("a")
    assert 'eco2_rate_limit_unchecked_total{limit="x"} 1.0' in metrics.render().decode()
    await redis.aclose()


async def test_an_application_answers_429_with_the_time_to_wait(database_url: str, redis_server: Redis) -> None:
    settings = ServiceSettings(database_url=SecretStr(database_url), redis_url=SecretStr(redis_server.url))
    async with serve(make_app(settings)) as client:
        answers = [await client.get(f"{PREFIX}/limited", headers={"x-forwarded-for": "9.9.9.9"}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[3].headers["retry-after"]) <= 20
        forged = {"x-forwarded-for": "1.2.3.4, 9.9.9.9"}  # what the client sent stands before what our proxy wrote
        assert (await client.get(f"{PREFIX}/limited", headers=forged)).status_code == 429


def request_from(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": (peer, 1)}
    return Request(scope)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, (), "10.0.0.1"),
        (1, ("1.1.1.1",), "1.1.1.1"),
        (1, ("6.6.6.6, 1.1.1.1",), "1.1.1.1"),
        (1, ("6.6.6.6", "1.1.1.1"), "1.1.1.1"),
        (2, ("6.6.6.6, 1.1.1.1, 10.0.0.9",), "1.1.1.1"),
        (2, ("1.1.1.1",), "10.0.0.1"),  # did not come by both proxies
        (0, ("1.1.1.1",), "10.0.0.1"),
        (1, ("nonsense",), "10.0.0.1"),
        (1, ("2001:db8:1:2:3:4:5:6",), "2001:db8:1:2::"),
        (1, ("::ffff:1.1.1.1",), "1.1.1.1"),
    ],
)
def test_the_address_that_our_own_proxy_wrote_counts(proxies: int, forwarded: tuple[str, ...], address: str) -> None:
    settings = ServiceSettings(database_url=SecretStr("postgresql://h/d"), trusted_proxies=proxies)
    assert client_address(request_from("10.0.0.1", *forwarded), settings) == address
