"""What is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eco2_bench.requests import Requests

MIB = 1024 * 1024


@dataclass(frozen=True)
class Floor:
    """Bare writes."""

    wall: float
    cpu: float
    peak_rss: float
    requests: Requests
    objects: Mapping[str, int]


@dataclass(frozen=True)
class Phase:
    """A span of a controller's life: seconds until it was at rest, CPU seconds, requests."""

    seconds: float
    cpu: float
    requests: Requests


@dataclass(frozen=True)
class Run:
    """One controller over N applications."""

    name: str
    version: str
    start_cpu: float
    """CPU seconds before the first resource, start included."""
    children: float
    """Seconds from the first create until every child existed."""
    done: float
    """Seconds from the first create until it called every application done."""
    creation: Phase
    """From the first create until it was at rest."""
    start_rss: int
    rest_rss: int
    """Resident memory at rest after the creation."""
    peak_rss: int
    objects: Mapping[str, int]
    spec_bytes: float
    """Mean size of the specs of one application's children as JSON: what was asked for is equally much."""
    edits: tuple[float, ...]
    """Seconds from sending an edit until the watch showed the changed child, sorted."""
    editing: Phase
    idle: Phase
    restart: Phase
    restart_rss: int

    @property
    def made(self) -> int:
        """Children that exist because of it."""
        return sum(self.objects.values())


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    system: str
    cores: int
    memory: int
    python: str
    kubernetes: str
    load: float
    """Load average before the run: what others did to the figures."""


@dataclass(frozen=True)
class Comparison:
    """One whole run of the bench."""

    machine: Machine
    applications: int
    floor: Floor
    runs: tuple[Run, ...] = field(default=())


def quantile(sorted_values: tuple[float, ...], share: float) -> float:
    """The smallest value that at least that share of the values does not exceed."""
    position = max(0, -int(-share * len(sorted_values) // 1) - 1)
    return sorted_values[min(position, len(sorted_values) - 1)]
