"""Pods that belong to no EcoDomain: nothing guards them, and nobody has let them in anywhere."""

import inspect
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from eco2_operator.kinds import POD, SERVICE
from support.api import NAMESPACE as NAMESPACES
from support.api import Api, Object
from support.e2e import listening
from support.e2e.places import PYTHON, InPod
from support.e2e.world import SAMPLE, World
from support.waits import eventually

NAMESPACE: Final = "e2e-bystanders"
SERVICE_NAME: Final = "unguarded"
HTTP_PORT: Final = 8000
TCP_PORTS: Final = (53, 443, 5432, 5672, 6379)
"""They accept connections there, as servers do that a domain might be allowed to reach elsewhere."""
UDP_PORTS: Final = (53,)
DISGUISE: Final = {"domain": "my", "app.kubernetes.io/name": "my", "istio": "ingressgateway", "k8s-app": "kube-dns"}
"""Labels of pods that are let in, which in another namespace mean nothing."""


@dataclass(frozen=True)
class Bystanders:
    """One pod on each worker, all of them behind one Service with a node port. They serve HTTP like a domain."""

    places: tuple[InPod, ...]
    addresses: tuple[str, ...]
    """Of the pods."""
    cluster_address: str
    node_port: int


@contextmanager
def bystanders(world: World) -> Iterator[Bystanders]:
    """They go with the block."""
    workers = [node for node in world.nodes if "control-plane" not in node.name]
    # Of an earlier session it may be on its way out.
    eventually(lambda: world.api.get(NAMESPACES, "", NAMESPACE) is None)
    world.api.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        names = [f"bystander-{index}" for index, _ in enumerate(workers)]
        for name, node in zip(names, workers, strict=True):
            world.api.apply(POD, _pod(name, NAMESPACE, node.name), manager="eco2-e2e")
        world.api.apply(SERVICE, _service(), manager="eco2-e2e")
        addresses = tuple(_address(world.api, NAMESPACE, name) for name in names)
        spec = world.api.read(SERVICE, NAMESPACE, SERVICE_NAME)["spec"]
        places = tuple(InPod(world.kubectl, NAMESPACE, name) for name in names)
        yield Bystanders(places, addresses, spec["clusterIP"], spec["ports"][0]["nodePort"])
    finally:
        world.api.delete(NAMESPACES, "", NAMESPACE)


@contextmanager
def intruder(
    world: World, namespace: str, name: str, *, tcp: Sequence[int] = TCP_PORTS, labels: Mapping[str, str] = {}
) -> Iterator[tuple[InPod, str]]:
    """A pod that only listens, in a namespace that is not the test's own, and its address; it goes with the block."""
    listener = _container("listener", *PYTHON, inspect.getsource(listening), json.dumps({"tcp": tcp}))
    world.api.apply(POD, _manifest(name, namespace, dict(labels), [_ready_at(listener, tcp[0])]), manager="eco2-e2e")
    try:
        yield InPod(world.kubectl, namespace, name), _address(world.api, namespace, name)
    finally:
        world.api.delete(POD, namespace, name)
        eventually(lambda: world.api.get(POD, namespace, name) is None)


@contextmanager
def outsider(world: World, addresses: Sequence[str], *, tcp: Sequence[int]) -> Iterator[str]:
    """A server outside the cluster: a container beside the nodes, which have routes to its addresses; its own one."""
    wanted = json.dumps({"addresses": addresses, "tcp": tcp})
    options = ("--rm", "--detach", "--network", "kind", "--cap-add", "NET_ADMIN", "--user", "0")
    entry = ("--entrypoint", PYTHON[0])
    container = _docker("run", *options, *entry, SAMPLE, *PYTHON[1:], inspect.getsource(listening), wanted).strip()
    try:
        own = _docker("inspect", "--format", "{{.NetworkSettings.Networks.kind.IPAddress}}", container).strip()
        for node in world.nodes:
            for address in addresses:
                node.run("ip", "route", "replace", f"{address}/32", "via", own)
        yield own
    finally:
        for node in world.nodes:
            for address in addresses:
                node.run("ip", "route", "del", f"{address}/32", check=False)
        _docker("rm", "--force", container)


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def _pod(name: str, namespace: str, node: str) -> Object:
    ports = json.dumps({"tcp": TCP_PORTS, "udp": UDP_PORTS})
    containers = [
        _ready_at(_container("server", *PYTHON[:2], "/opt/eco2/bin/eco2-sample", "serve"), HTTP_PORT),
        _ready_at(_container("listener", *PYTHON, inspect.getsource(listening), ports), TCP_PORTS[0]),
    ]
    made = _manifest(name, namespace, {"app": SERVICE_NAME, **DISGUISE}, containers)
    made["spec"]["nodeName"] = node
    return made


def _manifest(name: str, namespace: str, labels: Mapping[str, str], containers: list[Object]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "containers": containers,
            "terminationGracePeriodSeconds": 1,
            # Ports below 1024 without root.
            "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]},
        },
    }


def _container(name: str, *command: str) -> Object:
    resources = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}
    return {"name": name, "image": SAMPLE, "command": list(command), "resources": resources}


def _ready_at(container: Object, port: int) -> Object:
    return {**container, "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}


def _service() -> Object:
    ports: list[dict[str, Any]] = [{"name": "http", "port": 80, "targetPort": HTTP_PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE_NAME, "namespace": NAMESPACE},
        # Every node answers, whether it has a pod or not.
        "spec": {"type": "NodePort", "selector": {"app": SERVICE_NAME}, "ports": ports},
    }


def _address(api: Api, namespace: str, name: str) -> str:
    def ready() -> str:
        status = api.read(POD, namespace, name)["status"]
        conditions = {each["type"]: each["status"] for each in status["conditions"]}
        assert conditions["Ready"] == "True", status
        return str(status["podIP"])

    return eventually(ready)
