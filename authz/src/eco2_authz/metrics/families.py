"""Which numbers there are. No label comes from a request: there are as many series at the end as at the start."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from eco2_authz.decision import REASONS
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.results import RESULTS


class Merge(Enum):
    """What the numbers of several workers are together."""

    SUM = "sum"
    LEAST = "least"
    MOST = "most"


@dataclass(frozen=True)
class Counter:
    """Numbers that only grow, one for each of `values`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ((),)

    @property
    def cells(self) -> int:
        """How many numbers it is."""
        return len(self.values)


@dataclass(frozen=True)
class Gauge:
    """A number that goes up and down; 0 again with each process."""

    name: str
    help: str
    merge: Merge = Merge.SUM

    @property
    def cells(self) -> int:
        """How many numbers it is."""
        return 1


@dataclass(frozen=True)
class Histogram:
    """Durations in seconds: how many up to each bound, how many above all, and their sum."""

    name: str
    help: str
    bounds: tuple[float, ...]

    @property
    def cells(self) -> int:
        """How many numbers it is."""
        return len(self.bounds) + 2


Family = Counter | Gauge | Histogram

_SHORT: Final = (
    *(5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4),
    *(1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5),
)
"""From a remembered token, some microseconds, to the longest wait for keys."""

REQUESTS: Final = Counter(
    "ext_authz_requests",
    "Requests by what was decided: allow, deny (the caller is at fault), error (we are; it does not pass either).",
    ("result", "reason"),
    tuple((RESULTS[reason], reason.value) for reason in REASONS),
)
REQUEST_DURATION: Final = Histogram(
    "ext_authz_request_duration_seconds", "From the message of a request to the answer's.", _SHORT
)
VERIFY_DURATION: Final = Histogram(
    "ext_authz_jwt_verify_duration_seconds", "Verification of a token that was not remembered.", _SHORT
)
LOOKUP_DURATION: Final = Histogram(
    "ext_authz_redis_lookup_duration_seconds", "Wait for Redis, of a request that had to ask it.", _SHORT
)
IN_FLIGHT: Final = Gauge(
    "ext_authz_requests_in_flight", "Requests that wait for Redis or for keys; the others are answered at once."
)
CACHE_HITS: Final = Counter("ext_authz_token_cache_hits", "Tokens that had been verified before.")
CACHE_MISSES: Final = Counter("ext_authz_token_cache_misses", "Tokens that had to be verified.")
CACHE_ENTRIES: Final = Gauge("ext_authz_token_cache_entries", "Verified tokens that are remembered, of all workers.")
CACHE_BYTES: Final = Gauge("ext_authz_token_cache_bytes", "Memory they take, of all workers.")
BLACKLIST_READY: Final = Gauge(
    "ext_authz_blacklist_ready", "1 while every worker can say which tokens were revoked.", Merge.LEAST
)
MIRROR_ENTRIES: Final = Gauge(
    "ext_authz_mirror_entries", "Revocations in memory, of the worker that has most.", Merge.MOST
)
KEYS_READY: Final = Gauge("ext_authz_keys_ready", "1 while every worker has keys to verify tokens with.", Merge.LEAST)
KEYS_AGE: Final = Gauge(
    "ext_authz_keys_age_seconds",
    "Time since the keys were last seen where they come from, of the worker where it is longest.",
    Merge.MOST,
)
CONNECTIONS: Final = Gauge("ext_authz_connections", "Connections of callers.")
PROTOCOL_ERRORS: Final = Counter(
    "ext_authz_protocol_errors",
    "Connections that were ended for a fault of the caller, by the error code of HTTP/2.",
    ("kind",),
    tuple((code.name.lower(),) for code in ErrorCode if code is not ErrorCode.NO_ERROR),
)
LOG_DROPPED: Final = Counter(
    "ext_authz_decision_log_dropped", "Decisions that were not logged since nobody read the log fast enough."
)
WORKER_RESTARTS: Final = Counter("ext_authz_worker_restarts", "Workers that ended and were started again.")

FAMILIES: Final[tuple[Family, ...]] = (
    *(REQUESTS, REQUEST_DURATION, VERIFY_DURATION, LOOKUP_DURATION, IN_FLIGHT),
    *(CACHE_HITS, CACHE_MISSES, CACHE_ENTRIES, CACHE_BYTES),
    *(BLACKLIST_READY, MIRROR_ENTRIES, KEYS_READY, KEYS_AGE),
    *(CONNECTIONS, PROTOCOL_ERRORS, LOG_DROPPED, WORKER_RESTARTS),
)


def _placed() -> Iterator[tuple[Family, int]]:
    start = 0
    for family in FAMILIES:
        yield family, start
        start += family.cells


PLACES: Final = dict(_placed())
"""The first cell of each family among the numbers of one worker."""
CELLS: Final = sum(family.cells for family in FAMILIES)
"""How many cells that is."""
