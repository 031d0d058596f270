"""Fixtures: pipelines on the local model server, and models that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs
from support.model_server import model_process, model_server
from support.services import redis_process, redis_server

from eco2_model_server.testing import API_KEY, RunningModelServer
from eco2_waste_pipeline import openai_client
from eco2_waste_pipeline import pipeline as pipeline_module
from eco2_waste_pipeline.accounting import Accounting, Ledger
from eco2_waste_pipeline.cache import Cache
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_client import Models
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.settings import PipelineSettings
from eco2_waste_rules.knowledge import Knowledge, load_knowledge
from eco2_waste_rules.search import RuleIndex

__all__ = ["model_process", "model_server", "redis_process", "redis_server"]

Handler = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between attempts. How long they grow is a matter of `test_models`."""
    monkeypatch.setattr(openai_client, "FIRST_PAUSE", 0.001)


@pytest.fixture
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture(scope="session")
def index(knowledge: Knowledge) -> RuleIndex:
    return RuleIndex(knowledge)


@pytest.fixture
def one_index(index: RuleIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a third of a second to make, and is the same in all tests."""
    monkeypatch.setattr(pipeline_module, "RuleIndex", lambda _knowledge: index)


@pytest.fixture
def make_pipeline(
    model_server: RunningModelServer, registry: CollectorRegistry, one_index: None
) -> Iterator[Callable[..., Pipeline]]:
    """A pipeline on the model server; arguments are settings, and `cache`."""
    made: list[Pipeline] = []

    def make(*, cache: Cache | None = None, **settings: Any) -> Pipeline:
        values = {"openai_api_key": API_KEY, "openai_base_url": model_server.base_url, **settings}
        pipeline = Pipeline.from_settings(PipelineSettings(**values), registry=registry, cache=cache)
        made.append(pipeline)
        return pipeline

    yield make
    for pipeline in made:
        pipeline.close()


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline()


@pytest.fixture
def make_models(registry: CollectorRegistry) -> Iterator[Callable[..., Models]]:
    """The client, with a handler in the place of the network."""
    made: list[Models] = []

    def make(handler: Handler, *, attempts: int = 3, timeout: float = 5.0, key: str | None = "key") -> Models:
        models = Models(
            api_key=SecretStr(key) if key else None,
            base_url="http://openai.test/v1",
            timeout=timeout,
            attempts=attempts,
            metrics=PipelineMetrics(registry, ("gpt-5.1",)),
            transport=httpx2.MockTransport(handler),
        )
        made.append(models)
        return models

    yield make
    for models in made:
        models.close()


@pytest.fixture
def ledger() -> Ledger:
    """Of a run whose metrics nobody looks at."""
    return Ledger(Accounting(PipelineMetrics(CollectorRegistry(), ()), {}))
