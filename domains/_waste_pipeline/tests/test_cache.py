"""What was in a picture is known the next time; a Redis that fails makes no difference but that."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from support import redis as redis_servers
from support.redis import Redis

from eco2_model_server.pictures import nothing, picture
from eco2_model_server.testing import API_KEY, RunningModelServer
from eco2_waste_pipeline.cache import NoCache, RedisCache
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.settings import PipelineSettings

MakePipeline = Callable[..., Pipeline]


@pytest.fixture
def cache(redis_server: Redis) -> Iterator[RedisCache]:
    cache = RedisCache.from_url(SecretStr(redis_server.url))
    yield cache
    cache.close()


def looked_at(model_server: RunningModelServer) -> int:
    return sum(record.schema == "vision_classification" for record in model_server.requests("openai"))


def test_it_keeps_for_a_while(cache: RedisCache, redis_server: Redis) -> None:
    assert cache.get("k") is None
    cache.set("k", b"v", 100)
    assert cache.get("k") == b"v"
    with redis_server.client() as client:
        assert 0 < client.ttl("waste-pipeline:k") <= 100


def test_no_cache_keeps_nothing() -> None:
    cache = NoCache()
    cache.set("k", b"v", 100)
    assert cache.get("k") is None
    cache.close()


def test_without_redis_nothing_is_known(log_lines: list[MutableMapping[str, Any]]) -> None:
    cache = RedisCache.from_url(f"redis://127.0.0.1:{redis_servers.free_port()}/0")
    cache.set("k", b"v", 100)
    assert cache.get("k") is None
    assert [line["event"] for line in log_lines] == ["cache not written", "cache not read"]
    cache.close()


def test_a_redis_that_hangs_is_not_waited_for() -> None:
    with redis_servers.running() as server:
        cache = RedisCache.from_url(server.url)
        cache.set("k", b"v", 100)
        with server.paused():
            assert cache.get("k") is None
        assert cache.get("k") == b"v"
        cache.close()


@pytest.mark.parametrize("url", ["http://x", "redis+sentinel://localhost:26379"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redis"):
        RedisCache.from_url(url)


def test_by_sentinels(redis_server: Redis) -> None:
    with redis_servers.running(sentinel=True) as sentinel:
        sentinel.do("SENTINEL", "MONITOR", "primary", "127.0.0.1", redis_server.port, 1)
        cache = RedisCache.from_url(f"redis+sentinel://127.0.0.1:{sentinel.port}/primary/0")
        cache.set("k", b"v", 100)
        assert cache.get("k") == b"v"
        cache.close()


def test_the_same_picture_is_looked_at_once(
    make_pipeline: MakePipeline, model_server: RunningModelServer, cache: RedisCache
) -> None:
    pipeline = make_pipeline(cache=cache)
    content = picture("cardboard-box", tags=("tape-left",))
    first = pipeline.classify_image(content, question="어떻게 버려요?")
    second = pipeline.classify_image(content)
    other = pipeline.classify_image(picture("cardboard-box", tags=("tape-left",), variant=1))
    assert (first.cached, second.cached, other.cached) == (False, True, False)
    assert second.vision == first.vision == other.vision.model_copy(update={"description": first.vision.description})
    assert [tag.id for tag in second.vision.situation_tags] == ["tape-left"]
    assert second.usage.calls == 1
    assert looked_at(model_server) == 2


def test_other_models_and_steps_look_themselves(
    model_server: RunningModelServer, redis_server: Redis, one_index: None
) -> None:
    content = picture("cardboard-box")
    azure = {"azure_vision_endpoint": model_server.azure_endpoint, "azure_vision_key": "key"}
    for number, settings in enumerate(({}, {"openai_model_vision": "gpt-4o-mini"}, azure)):
        with_own_metrics = _pipeline(model_server, redis_server, settings)
        assert not with_own_metrics.classify_image(content).cached
        assert looked_at(model_server) == number + 1
        with_own_metrics.close()


def _pipeline(model_server: RunningModelServer, redis_server: Redis, settings: dict[str, Any]) -> Pipeline:
    values = {"openai_api_key": API_KEY, "openai_base_url": model_server.base_url, **settings}
    cache = RedisCache.from_url(redis_server.url)
    return Pipeline.from_settings(PipelineSettings(**values), registry=CollectorRegistry(), cache=cache)


def test_what_is_not_certain_is_looked_at_again(
    make_pipeline: MakePipeline, model_server: RunningModelServer, cache: RedisCache
) -> None:
    pipeline = make_pipeline(cache=cache)
    for _ in range(2):
        assert not pipeline.classify_image(nothing()).cached
    assert looked_at(model_server) == 2


def test_what_is_certainly_no_waste_is_known(
    make_pipeline: MakePipeline, model_server: RunningModelServer, cache: RedisCache
) -> None:
    pipeline = make_pipeline(cache=cache)
    seen = {"description": "고양이", "is_waste": False, "item_id": None, "confidence": 0.99, "situation_tags": []}
    model_server.control(output=seen)
    assert [pipeline.classify_image(nothing()).cached for _ in range(2)] == [False, True]


def test_no_seconds_no_cache(
    make_pipeline: MakePipeline, model_server: RunningModelServer, redis_server: Redis, cache: RedisCache
) -> None:
    pipeline = make_pipeline(cache=cache, pipeline_cache_seconds=0)
    for _ in range(2):
        assert not pipeline.classify_image(picture("cardboard-box")).cached
    assert redis_server.do("DBSIZE") == 0


def test_what_somebody_else_wrote_there_is_no_result(
    make_pipeline: MakePipeline, redis_server: Redis, cache: RedisCache
) -> None:
    pipeline = make_pipeline(cache=cache)
    pipeline.classify_image(picture("cardboard-box"))
    with redis_server.client() as client:
        [key] = client.keys("*")
        assert key.startswith("waste-pipeline:vision:")
        client.set(key, b'{"item_id": 5}')
    assert not pipeline.classify_image(picture("cardboard-box")).cached
