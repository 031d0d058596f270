"""What the builders of an entrance may know besides the EcoIngress itself: frozen, taken before building."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from eco2_operator.build.context import OPTIONAL_NAMES, Cluster
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import Resource

Entrance = Resource[EcoIngressSpec]
"""An EcoIngress."""
UnresolvedReason = Literal["DomainMissing", "PortUnknown", "NoService", "RouteRefused"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests of a route go."""

    namespace: str
    service: str
    port: int
    """Of the Service."""
    health_path: str
    """Where the domain says over HTTP that it is ready."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why a route leads nowhere."""

    reason: UnresolvedReason
    message: str
    """What, where, and what to do."""


@dataclass(frozen=True, slots=True)
class EntranceContext:
    """What is known about the surroundings of one EcoIngress."""

    cluster: Cluster
    hosts: tuple[str, ...]
    """Those of its hosts that it has, in the order of the spec."""
    targets: Mapping[str, Target | Unresolved]
    """By the path of the route; denied routes have none."""
    served: frozenset[str] = OPTIONAL_NAMES
    """Names of the optional kinds that the cluster serves."""


@dataclass(frozen=True, slots=True)
class Admission:
    """An entrance of a gateway, and what the gateway is to say of it."""

    entrance: Entrance
    hosts: tuple[str, ...]
    entries: frozenset[str] = frozenset()
    """For the guard header (see `guard`): what is said of policies that are in place."""


@dataclass(frozen=True, slots=True)
class GatewayContext:
    """A gateway and everybody who uses it."""

    namespace: str
    selector: Mapping[str, str]
    entrances: tuple[Admission, ...]
    """In the order of namespace and name."""
    trusted_hops: int = 0
