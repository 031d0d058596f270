"""The workloads of the mesh under test: EcoDomains rendered by the operator's own builders, and who calls them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from support.mesh.istiod import NAMESPACE as ISTIOD_NAMESPACE
from support.mesh.mesh import Mesh
from support.mesh.objects import Workload

from eco2_operator.build.context import Cluster, DomainContext, PodSelector
from eco2_operator.build.mesh import KEYS_PATH
from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import API_VERSION
from eco2_operator.plan import plan_domain

CLUSTER: Final = Cluster(
    cluster_cidrs=("10.0.0.0/8",),
    store_ports={},
    dns=PodSelector("kube-system", {"k8s-app": "kube-dns"}),
    gateway=PodSelector("istio-ingress", {"istio": "ingressgateway"}),
    prometheus_namespace="prometheus",
    entrance_namespaces=("istio-ingress",),
    alb_source_cidrs=("127.32.0.0/16",),
)
CONTEXT: Final = DomainContext(cluster=CLUSTER, meshed=True)
CHAT: Final = {"domain": "chat", "namespace": "chat"}
MY: Final = {"domain": "my", "namespace": "my"}
INTERNAL: Final = "/api/v1/internal/*"
METRICS: Final = "/metrics/status"
BALANCER: Final = "127.32.0.1"
"""An address of the load balancer."""


@dataclass(frozen=True)
class World:
    """Everybody in the mesh. Each is alone in the namespace of its name, but for the gateway."""

    mesh: Mesh
    ports: Mapping[str, int]

    scan: Workload
    """chat may call anything, my the internal paths, the gateway anything. Metrics on a port of their own."""
    auth: Workload
    """Serves the public keys on the first of two ports; chat may call anything. No metrics."""
    users: Workload
    """Metrics on its only port; chat may call anything."""
    image: Workload
    """Nobody may call it."""
    location: Workload
    """As scan, but in shadow mode."""
    events: Workload
    """Speaks no HTTP. chat may call it; my may call some paths, of which there are none."""
    web: Workload
    """A load balancer sends requests to its node port. No metrics."""

    chat: Workload
    my: Workload
    gateway: Workload


def build(mesh: Mesh) -> World:
    """Add everybody to the mesh and start it."""
    ports = mesh.ports.named("http", "metrics", "tcp")
    http, metrics, tcp = (
        {"name": name, "port": number, "servicePort": number, "appProtocol": "tcp" if name == "tcp" else "http"}
        for name, number in ports.items()
    )
    both = {"ports": [http, metrics], "metrics": {"port": "metrics", "path": METRICS}}
    silent = {"ports": [http, metrics], "metrics": {"enabled": False}}
    alone = {"ports": [http], "metrics": {"enabled": False}}
    callers = [CHAT, {**MY, "paths": [INTERNAL]}]
    keys = {"domain": "istiod", "namespace": ISTIOD_NAMESPACE, "paths": [KEYS_PATH]}
    world = World(
        mesh,
        ports,
        scan=add_domain(mesh, "scan", **both, access={"inbound": callers}),
        auth=add_domain(mesh, "auth", **silent, access={"inbound": [keys, CHAT]}),
        users=add_domain(mesh, "users", ports=[http], access={"inbound": [CHAT]}),
        image=add_domain(mesh, "image", **alone, access={"ingress": []}),
        location=add_domain(mesh, "location", **both, access={"enforcement": "shadow", "inbound": callers}),
        events=add_domain(mesh, "events", ports=[tcp], access={"inbound": callers}),
        web=add_domain(mesh, "web", **alone, access={"ingress": []}, context=replace(CONTEXT, routed_by_alb=True)),
        chat=mesh.add("chat", "chat"),
        my=mesh.add("my", "my"),
        gateway=mesh.add("istio-ingress", "gateway", account="istio-ingressgateway"),
    )
    mesh.start()
    return world


def add_domain(mesh: Mesh, name: str, *, context: DomainContext | None = None, **spec: Any) -> Workload:
    """An EcoDomain in the namespace of its name, as the operator would render it."""
    wanted = {
        "apiVersion": API_VERSION,
        "kind": ECO_DOMAIN.name,
        "metadata": {"name": name, "namespace": name},
        "spec": {"image": f"docker.io/mng990/eco2:{name}-1.0.0", **spec},
    }
    domain = parse(wanted, EcoDomainSpec)
    return mesh.add_domain(domain, plan_domain(domain, context or CONTEXT))
