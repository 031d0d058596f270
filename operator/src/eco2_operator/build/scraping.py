"""Where Prometheus scrapes the domain."""

from dataclasses import dataclass

from eco2_operator.build.ports import find
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.service import Metrics, Port

SCRAPABLE = frozenset({"http", "http2", "https"})
"""What a port must speak for the default to hold; a port named in ``metrics`` is believed."""


@dataclass(frozen=True, slots=True)
class Scraping:
    """The metrics of one pod: GET this path on this port."""

    port: Port
    path: str


def scraping(spec: EcoDomainSpec) -> Scraping | None:
    """Where the metrics are; None when scraping is off, or when nobody asked for it and the first port speaks no HTTP:
    a database would only ever be reported as down."""
    metrics = spec.metrics or Metrics()
    port = find(spec, metrics.port)
    if not metrics.enabled or port is None:
        return None
    if spec.metrics is None and port.app_protocol not in SCRAPABLE:
        return None
    return Scraping(port, metrics.path)
