"""What the API server holds about a workload of the mesh, and about how its proxy listens."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from eco2_operator.kinds import SERVICE_ACCOUNT, Kind
from support.api import Object

POD: Final = Kind("", "v1", "Pod", "pods")
SIDECAR: Final = Kind("networking.istio.io", "v1", "Sidecar", "sidecars")
SERVICE_ENTRY: Final = Kind("networking.istio.io", "v1", "ServiceEntry", "serviceentries")
ROLE: Final = Kind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")

MUTUAL_TLS: Final = {"security.istio.io/tlsMode": "istio"}
"""The label the injector puts on pods with a sidecar: callers then use mTLS."""
PROTOCOLS: Final = {"http": "HTTP", "http2": "HTTP2", "https": "HTTPS", "grpc": "GRPC"}
"""A port's appProtocol, as a Sidecar has it; anything else is TCP."""


Role = Literal["sidecar", "router"]
"""A router is a gateway: it listens as Gateway resources say."""


@dataclass(frozen=True)
class Port:
    """A port of a service, and under the same number of the pod."""

    name: str
    number: int
    protocol: str = "HTTP"
    target: int = 0
    """The pod's number, where it is another: a gateway's 80 and 443."""

    @property
    def listed(self) -> Object:
        """As Istio's resources list it."""
        return {"name": self.name, "number": self.number, "protocol": self.protocol}


@dataclass(frozen=True, eq=False)
class Workload:
    """One pod in the mesh.

    Args:
        address: where the proxy takes what comes in, as the pod's own address.
        outside: where the proxy takes what the pod sends to others; a router has no such pod.
        ports: a sidecar without ports only calls others.
    """

    namespace: str
    name: str
    account: str
    labels: Mapping[str, str]
    address: str
    outside: str
    ports: tuple[Port, ...] = ()
    role: Role = "sidecar"
    spec: Object | None = None
    """The pod's spec, where it matters which."""

    @property
    def host(self) -> str:
        """The name others call it by."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    @property
    def principal(self) -> str:
        """Who it is."""
        return f"cluster.local/ns/{self.namespace}/sa/{self.account}"


def ports(service: Object, template: Object) -> tuple[Port, ...]:
    """The ports a Service leads to. The Service's own numbers have to be the container's: one listens on both."""
    numbers = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
    found = []
    for port in service["spec"]["ports"]:
        number = numbers[port["targetPort"]]
        assert port["port"] == number, f"give port {port['name']} the servicePort {number}"
        found.append(Port(port["name"], number, PROTOCOLS.get(port["appProtocol"], "TCP")))
    return tuple(found)


def service_account(workload: Workload) -> Object:
    """The identity."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": workload.account, "namespace": workload.namespace},
    }


def certificate_reader(workload: Workload) -> dict[Kind, Object]:
    """Lets a gateway read the certificates of its namespace."""
    metadata = {"name": workload.name, "namespace": workload.namespace}
    account = {"kind": SERVICE_ACCOUNT.name, "name": workload.account, "namespace": workload.namespace}
    reference = {"apiGroup": ROLE.group, "kind": ROLE.name, "name": workload.name}
    bodies: dict[Kind, Object] = {
        ROLE: {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}]},
        ROLE_BINDING: {"subjects": [account], "roleRef": reference},
    }
    return {
        kind: {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **body}
        for kind, body in bodies.items()
    }


def pod(workload: Workload) -> Object:
    """The pod. No node takes it: nothing runs it, and nothing else writes its status."""
    spec = copy.deepcopy(workload.spec) or {"containers": [{"name": "app", "image": "app"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": workload.name,
            "namespace": workload.namespace,
            "labels": {**workload.labels, **MUTUAL_TLS},
        },
        "spec": {**spec, "serviceAccountName": workload.account},
    }


def running(workload: Workload) -> Object:
    """The status a kubelet would write."""
    return {
        "status": {
            "phase": "Running",
            "podIP": workload.address,
            "podIPs": [{"ip": workload.address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
    }


def service_entry(workload: Workload) -> Object:
    """The service. A real one has EndpointSlices, in which the API server allows no loopback address."""
    return {
        "apiVersion": SERVICE_ENTRY.api_version,
        "kind": SERVICE_ENTRY.name,
        "metadata": {"name": workload.name, "namespace": workload.namespace},
        "spec": {
            "hosts": [workload.host],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{**port.listed, "targetPort": port.target or port.number} for port in workload.ports],
            "workloadSelector": {"labels": dict(workload.labels)},
        },
    }


def sidecar(workload: Workload, *, backend: str, callable_ports: Iterable[Port]) -> Object:
    """How the proxy listens: its own ports for others, and for its pod the ports others have."""
    unredirected = {"captureMode": "NONE"}
    return {
        "apiVersion": SIDECAR.api_version,
        "kind": SIDECAR.name,
        "metadata": {"name": workload.name, "namespace": workload.namespace},
        "spec": {
            "workloadSelector": {"labels": dict(workload.labels)},
            "ingress": [
                {"port": port.listed, "bind": workload.address, "defaultEndpoint": backend, **unredirected}
                for port in workload.ports
            ],
            "egress": [
                {"port": port.listed, "bind": workload.outside, "hosts": ["*/*"], **unredirected}
                for port in callable_ports
            ],
        },
    }
