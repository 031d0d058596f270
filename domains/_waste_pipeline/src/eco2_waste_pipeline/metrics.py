"""What the pipeline counts, in the registry of the service it is part of."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from eco2_waste_pipeline.errors import (
    AnswerMalformed,
    InvalidImage,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    TimedOut,
)

STAGES: Final = ("image", "azure", "vision", "text", "retrieval", "answer", "run")
STAGE_RESULTS: Final = ("ok", "error", "abandoned")
REQUEST_RESULTS: Final[Mapping[type[BaseException], str]] = {
    AnswerMalformed: "malformed",
    InvalidImage: "invalid_image",
    ModelRateLimited: "rate_limited",
    ModelRefused: "refused",
    ModelUnavailable: "unavailable",
    NotConfigured: "not_configured",
    TimedOut: "timed_out",
}
TOKEN_KINDS: Final = ("input", "output")
_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 45, 60)


def _result(error: BaseException) -> str:
    if isinstance(error, GeneratorExit):  # whoever read the stream went away
        return "abandoned"
    return REQUEST_RESULTS.get(type(error), "error")


class PipelineMetrics:
    """Series that exist from the beginning, so that a first failure is a change and not a new series.

    Args:
        models: those that are asked.
    """

    def __init__(self, registry: CollectorRegistry, models: Iterable[str]) -> None:
        self._stages = Histogram(
            "eco2_pipeline_stage_duration_seconds",
            "Stages of the pipeline; run is all of them together",
            ("stage", "result"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._requests = Counter(
            "eco2_llm_requests", "Requests to models, each attempt by itself", ("model", "result"), registry=registry
        )
        self._tokens = Counter("eco2_llm_tokens", "Tokens that models counted", ("model", "kind"), registry=registry)
        self._cost = Counter("eco2_llm_cost_usd", "What the tokens cost, by the table of prices", registry=registry)
        for stage in STAGES:
            for result in STAGE_RESULTS:
                self._stages.labels(stage, result)
        for model in set(models):
            for result in ("ok", "abandoned", "error", *REQUEST_RESULTS.values()):
                self._requests.labels(model, result)
            for kind in TOKEN_KINDS:
                self._tokens.labels(model, kind)

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Time a stage: ``ok``, ``abandoned`` by whoever read it, or ``error``."""
        begin = time.perf_counter()
        result = "error"
        try:
            yield
            result = "ok"
        except GeneratorExit:
            result = "abandoned"
            raise
        finally:
            self._stages.labels(stage, result).observe(time.perf_counter() - begin)

    @contextmanager
    def request(self, model: str) -> Iterator[None]:
        """Count a request by how it ends."""
        result = "ok"
        try:
            yield
        except BaseException as error:
            result = _result(error)
            raise
        finally:
            self._requests.labels(model, result).inc()

    def tokens(self, model: str, *, input_tokens: int, output_tokens: int, cost_usd: float) -> None:
        """Count what a request took."""
        self._tokens.labels(model, "input").inc(input_tokens)
        self._tokens.labels(model, "output").inc(output_tokens)
        self._cost.inc(cost_usd)
