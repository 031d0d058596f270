"""What is measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from eco2_bench.requests import Requests

MIB = 1024 * 1024


@dataclass(frozen=True)
class Phase:
    """A span of a controller's life: seconds until it was at rest, CPU seconds, requests."""

    seconds: float
    cpu: float
    requests: Requests


@dataclass(frozen=True)
class Creation:
    """N applications from nothing."""

    children: float
    """Seconds from the first create until every child existed."""
    done: float
    """Seconds from the first create until the controller called every application done."""
    phase: Phase
    """From the first create until it was at rest."""
    rss: int
    """Resident memory then."""
    objects: Mapping[str, int]
    spec_bytes: float
    """Mean size of the specs of one application's children as JSON: what was asked for is equally much."""
    cluster_cpu: float
    """CPU seconds of the cluster's own components until every child existed."""
    others: float
    """Share of the machine that neither the cluster nor the controller used until then (the bench: 3 to 5 %)."""

    @property
    def made(self) -> int:
        """Children that exist."""
        return sum(self.objects.values())


@dataclass(frozen=True)
class Floor:
    """Bare writes; the fields are those of `Creation`."""

    wall: float
    cpu: float
    peak_rss: float
    requests: Requests
    objects: Mapping[str, int]
    cluster_cpu: float
    others: float


@dataclass(frozen=True)
class Run:
    """One controller over N applications."""

    name: str
    version: str
    start_cpu: float
    """CPU seconds of its start."""
    start_rss: int
    creation: Creation
    idle: Phase
    edits: tuple[float, ...]
    """Seconds from sending an edit until the watch showed the changed child, sorted."""
    editing: Phase
    peak_rss: int
    """The most resident memory of all that."""
    restart: Phase
    restart_rss: int
    """The most resident memory of a second process over the same applications."""


@dataclass(frozen=True)
class Host:
    """Where it was measured."""

    system: str
    cores: int
    memory: int
    python: str
    kubernetes: str


@dataclass(frozen=True)
class Comparison:
    """One whole run of the bench."""

    host: Host
    applications: int
    pods: bool
    floor: Floor
    runs: tuple[Run, ...]


def quantile(sorted_values: tuple[float, ...], share: float) -> float:
    """The smallest value that at least that share of the values does not exceed."""
    position = max(0, -int(-share * len(sorted_values) // 1) - 1)
    return sorted_values[min(position, len(sorted_values) - 1)]
