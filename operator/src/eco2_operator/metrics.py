"""Prometheus metrics of the operator. No label carries a name or namespace: cardinality stays bounded."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

RECONCILES = Histogram(
    "eco2_reconcile_duration_seconds",
    "Duration of one reconcile.",
    ("kind", "result"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge("eco2_queue_depth", "Resources waiting to be reconciled.", registry=REGISTRY)
QUEUE_AGE = Gauge(
    "eco2_queue_oldest_seconds", "How long the resource that waits longest has been due.", registry=REGISTRY
)
API_REQUESTS = Counter(
    "eco2_api_requests_total",
    "Requests to the API server; code none means no answer.",
    ("verb", "code"),
    registry=REGISTRY,
)
WRITES = Counter("eco2_writes_total", "Successful writes to the API server.", ("kind", "verb"), registry=REGISTRY)
DRIFT_REPAIRS = Counter(
    "eco2_drift_repairs_total",
    "Children brought back after somebody else changed them.",
    ("kind",),
    registry=REGISTRY,
)
PRUNES = Counter("eco2_prunes_total", "Children deleted because no longer wanted.", ("kind",), registry=REGISTRY)
TIME_TO_READY = Histogram(
    "eco2_time_to_ready_seconds",
    "From a change of a resource until it is Ready.",
    ("kind",),
    buckets=(0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600),
    registry=REGISTRY,
)
MIGRATIONS = Counter("eco2_migrations_total", "Migrations by what became of them.", ("result",), registry=REGISTRY)
RESOURCES = Gauge("eco2_resources", "Custom resources by state of Ready.", ("kind", "ready"), registry=REGISTRY)
SWEEPS = Counter("eco2_sweeps_total", "Comparisons of the cache with a metadata list.", ("kind",), registry=REGISTRY)


def render() -> bytes:
    """All metrics in the Prometheus text format."""
    return generate_latest(REGISTRY)
