"""What is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Measurement:
    """One span of load on one server. Times in microseconds, memory in octets, CPU in seconds."""

    answered: int
    """From the first on, the warm-up included."""
    requests: int
    seconds: float
    rps: float
    p50: float
    p90: float
    p99: float
    p999: float
    late: float
    """p99 of how late the load generator itself sent what was due."""
    wrong: int
    errors: int
    server_cpu: float
    envoy_cpu: float
    load_cpu: float
    redis_cpu: float
    rss: int
    others: float
    """Share of the machine that other programs took meanwhile."""
    logged: int | None = None
    """Decisions in the log, the warm-up included; None: the server logs none."""

    @property
    def cpu_per_request(self) -> float:
        """Microseconds of the server."""
        return self.server_cpu / self.requests * 1e6 if self.requests else 0.0

    @property
    def core_per_request(self) -> float:
        """Microseconds of the server, and of Envoy when it is before it."""
        return (self.server_cpu + self.envoy_cpu) / self.requests * 1e6 if self.requests else 0.0

    @property
    def server_load(self) -> float:
        """Share of its core that the server used: near 1, or something else was the limit."""
        return self.server_cpu / self.seconds

    @property
    def load_load(self) -> float:
        """Share of its core that the load generator used."""
        return self.load_cpu / self.seconds


@dataclass(frozen=True)
class Series:
    """The same measured in every round."""

    scenario: str
    contender: str
    measurements: tuple[Measurement, ...]

    def median(self, name: str) -> float:
        """The median over the rounds of one figure."""
        return float(median(getattr(each, name) for each in self.measurements))

    @property
    def faults(self) -> int:
        """Wrong answers and errors of all rounds."""
        return sum(each.wrong + each.errors for each in self.measurements)


@dataclass(frozen=True)
class Host:
    """Where it was measured, and with what."""

    system: str
    processor: str
    cores: int
    memory: int
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """One whole run of the bench."""

    host: Host
    rounds: int
    seconds: float
    """Of each measured span."""
    started: str
    series: tuple[Series, ...]
    peak_rss: Mapping[str, int]
    """The most resident memory that a server ever had, by contender."""
    remarks: tuple[str, ...] = field(default=())

    def find(self, scenario: str, contender: str) -> Series | None:
        """The measurements of a contender in a scenario; None when there are none."""
        found = (each for each in self.series if (each.scenario, each.contender) == (scenario, contender))
        return next(found, None)
