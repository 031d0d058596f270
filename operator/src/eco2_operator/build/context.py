"""What a builder may know besides the resource itself: a frozen snapshot, taken before building."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eco2_operator.model.domain import EcoDomainSpec, Tier
from eco2_operator.model.resource import Resource

Domain = Resource[EcoDomainSpec]
"""The resource the builders of this package turn into children."""


@dataclass(frozen=True, slots=True)
class PodSelector:
    """Pods in one namespace, by their labels."""

    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Facts about the cluster, the same for every resource (from the settings)."""

    cluster_cidrs: tuple[str, ...]
    store_ports: Mapping[str, tuple[int, ...]]
    dns: PodSelector
    gateway: PodSelector
    prometheus_namespace: str
    entrance_namespaces: tuple[str, ...]
    alb_source_cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DomainContext:
    """What is known about the surroundings of one EcoDomain."""

    cluster: Cluster
    node_ports: Mapping[str, int] = field(default_factory=dict)
    """Node ports the domain already has, by port name: they are kept."""
    routed_by_alb: bool = False
    """Whether an EcoIngress of provider alb sends requests straight to the domain's node port."""
    peer_tiers: Mapping[tuple[str, str], Tier] = field(default_factory=dict)
    """Tier of each known domain, by (namespace, domain label)."""
