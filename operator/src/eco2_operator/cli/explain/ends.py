"""The two ends of a call, and what is called. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from eco2_operator.build.context import Domain
from eco2_operator.build.ports import ports
from eco2_operator.cli.errors import CliError
from eco2_operator.cli.explain.ranges import Ranges

HTTP: Final = frozenset({"http", "http2", "grpc"})
"""Protocols whose requests the mesh looks into."""


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods that are all alike: of a domain, of the gateway, of Prometheus, of a data store."""

    title: str
    """How people name them, such as ``EcoDomain scan/scan``."""
    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """IP address of one of them, when one is known."""
    sidecar: bool = False
    """Whether a proxy of the mesh stands before them."""
    live: bool = True
    """False: there are none now, and these are the labels they would have."""
    account: str = "default"
    """Their ServiceAccount."""
    domain: Domain | None = None
    """The EcoDomain they belong to."""
    role: Literal["", "gateway", "prometheus", "store"] = ""
    """What else they are."""
    store: str = ""
    """The data store they are, as outbound rules name it."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Something outside the cluster, or at least no pods of it."""

    title: str
    ranges: Ranges
    external: bool = False
    """Whether these are all addresses outside the cluster: what an outbound rule calls external."""


End = Pods | Addresses


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the called pods, or of the called address."""

    number: int
    protocol: str = "TCP"
    name: str = ""
    """As the container names it."""
    http: bool = False
    """Whether the mesh understands what is spoken there."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls whom, and how."""

    source: End
    target: End
    port: Port
    path: str | None = None
    """None: any. The answer is then about what the caller may choose."""
    method: str = "GET"


def port_of(domain: Domain, wanted: str | None) -> Port:
    """The port of a domain that is meant; the first one unless something else was said.

    Raises:
        CliError: when there is no such port.
    """
    listed = ports(domain.spec)
    if not listed:
        raise CliError(f"EcoDomain {domain.namespace}/{domain.name} has no port: nobody can call it")
    for port in listed:
        if wanted in (None, port.name, str(port.port)):
            return Port(port.port, "TCP", port.name, http=port.app_protocol in HTTP)
    known = ", ".join(f"{port.name} ({port.port})" for port in listed)
    raise CliError(f"--port {wanted}: EcoDomain {domain.namespace}/{domain.name} has no such port, only {known}")
