"""What a service counts. HTTP metrics come from Envoy; these are about what lies behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from prometheus_client import GCCollector as _GCCollector
from prometheus_client import PlatformCollector as _PlatformCollector
from prometheus_client import ProcessCollector as _ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

PATH: Final = "/metrics/status"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


def _always(_error: Exception) -> bool:
    return True


class Metrics:
    """A service's own registry, and what all services have in it. Others join it by ``registry=``."""

    def __init__(self, *, name: str, version: str) -> None:
        self.registry = CollectorRegistry()
        _ProcessCollector(registry=self.registry)
        _PlatformCollector(registry=self.registry)
        _GCCollector(registry=self.registry)
        Info("eco2_service", "The service and its version", registry=self.registry).info(
            {"name": name, "version": version}
        )
        self._dependencies = Histogram(
            "eco2_dependency_request_duration_seconds",
            "Calls to what the service depends on",
            ("dependency", "result"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.unchecked = Counter(
            "eco2_rate_limit_unchecked_total",
            "Requests that passed because Redis did not answer",
            ("limit",),
            registry=self.registry,
        )

    @contextmanager
    def dependency(self, name: str, *, has_failed: Callable[[Exception], bool] = _always) -> Iterator[None]:
        """Time a call; its result is ``ok``, or ``error`` when it raises.

        Args:
            has_failed: says of what is raised whether the dependency is to blame.
        """
        begin = time.perf_counter()
        result = "error"
        try:
            yield
            result = "ok"
        except Exception as error:
            result = "error" if has_failed(error) else "ok"
            raise
        finally:
            self._dependencies.labels(name, result).observe(time.perf_counter() - begin)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
