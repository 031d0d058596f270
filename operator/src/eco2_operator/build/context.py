"""What a builder may know besides the resource itself: a frozen snapshot, taken before building."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eco2_operator.kinds import OPTIONAL
from eco2_operator.model.domain import EcoDomainSpec, Tier
from eco2_operator.model.resource import Resource

OPTIONAL_NAMES = frozenset(kind.name for kind in OPTIONAL)
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
    istiod_namespace: str = "istio-system"
    gateway_principal: str = "cluster.local/ns/istio-ingress/sa/istio-ingressgateway"
    """SPIFFE identity of the gateway's pods, as Istio writes it: without ``spiffe://``."""
    trust_domain: str = "cluster.local"
    gateway_service: str = "istio-ingressgateway"
    """Service in front of the gateway's pods: where a load balancer sends what is not for a domain directly."""
    gateway_trusted_hops: int = 0
    """Proxies in front of the gateway whose x-forwarded-for is true."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another domain, as far as access to it and from it goes."""

    tier: Tier
    service_account: str
    callers: frozenset[tuple[str, str]] = frozenset()
    """Whom it lets in: (namespace, domain label)."""


@dataclass(frozen=True, slots=True)
class DomainContext:
    """What is known about the surroundings of one EcoDomain."""

    cluster: Cluster
    node_ports: Mapping[str, int] = field(default_factory=dict)
    """Node ports the domain already has, by port name: they are kept."""
    routed_by_alb: bool = False
    """Whether an EcoIngress of provider alb sends requests straight to the domain's node port."""
    peers: Mapping[tuple[str, str], Peer] = field(default_factory=dict)
    """The domains named in the access rules, as far as they exist, by (namespace, domain label)."""
    served: frozenset[str] = OPTIONAL_NAMES
    """Names of the optional kinds that the cluster serves."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Hash of what the pods read of each Secret; pods are replaced when one changes."""
    meshed: bool = False
    """Whether pods of the domain's namespace get a sidecar of the mesh."""
