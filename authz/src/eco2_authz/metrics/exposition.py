"""The numbers of all workers, for Prometheus."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from math import inf
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from eco2_authz.metrics.families import FAMILIES, PLACES, Counter, Family, Gauge, Histogram, Merge
from eco2_authz.metrics.memory import Memory

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MERGES: Final[dict[Merge, Callable[[Iterable[float]], float]]] = {Merge.SUM: sum, Merge.LEAST: min, Merge.MOST: max}


class Workers(Collector):
    """Adds up."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def collect(self) -> Iterable[Metric]:
        """Every family with every label value there can be."""
        return [_metric(family, self._columns(family)) for family in FAMILIES]

    def _columns(self, family: Family) -> list[tuple[float, ...]]:
        """The family's cells, each with the numbers of all workers."""
        place = PLACES[family]
        rows = [self._memory.of(worker)[place : place + family.cells] for worker in range(self._memory.workers)]
        return list(zip(*rows, strict=True))


def render(memory: Memory) -> bytes:
    """All metrics in the Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Workers(memory))
    return generate_latest(registry)


def _metric(family: Family, columns: list[tuple[float, ...]]) -> Metric:
    if isinstance(family, Histogram):
        return _histogram(family, [sum(column) for column in columns])
    if isinstance(family, Gauge):
        return GaugeMetricFamily(family.name, family.help, value=_MERGES[family.merge](columns[0]))
    return _counter(family, [sum(column) for column in columns])


def _counter(family: Counter, numbers: list[float]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for values, number in zip(family.values, numbers, strict=True):
        metric.add_metric(values, number)
    return metric


def _histogram(family: Histogram, numbers: list[float]) -> Metric:
    *counts, total = numbers
    buckets = list(zip(_bounds(family), accumulate(counts), strict=True))
    return HistogramMetricFamily(family.name, family.help, buckets=buckets, sum_value=total)


def _bounds(family: Histogram) -> Iterator[str]:
    return map(floatToGoString, (*family.bounds, inf))
