"""Node objects for kwok to bring to life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eco2_testcluster.api import ApiClient

SIMULATED = "kwok.x-k8s.io/node"
"""Annotation of nodes whose pods are simulated; its value is `fake`."""


@dataclass(frozen=True)
class Taint:
    """Keeps away pods that do not tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True)
class Node:
    """One node of the cluster."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """The object for the API server."""
        taints = [{"key": t.key, "value": t.value, "effect": t.effect} for t in self.taints]
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "annotations": {SIMULATED: "fake"},
                "labels": {
                    "kubernetes.io/hostname": self.name,
                    "kubernetes.io/os": "linux",
                    "type": "kwok",
                    **self.labels,
                },
            },
            "spec": {"taints": taints} if taints else {},
        }


GENERAL = Node("general")
"""A node without a taint, for everything that has no node of its own."""


def domain_node(domain: str) -> Node:
    """The node of one domain: label and NoSchedule taint `domain=<name>`."""
    return Node(domain, labels={"domain": domain}, taints=(Taint("domain", domain),))


def domain_nodes(domains: Iterable[str]) -> tuple[Node, ...]:
    """A node for each domain, and the general one."""
    return (GENERAL, *(domain_node(domain) for domain in domains))


def create_nodes(client: ApiClient, nodes: Iterable[Node]) -> None:
    """Create the nodes, or set their labels and taints when they exist."""
    for node in nodes:
        client.apply(f"/api/v1/nodes/{node.name}", node.manifest())


def unready_nodes(client: ApiClient, names: Iterable[str]) -> list[str]:
    """Those of the named nodes that are not Ready, or do not exist."""
    items = client.request("GET", "/api/v1/nodes")["items"]
    ready = {item["metadata"]["name"] for item in items if _is_ready(item)}
    return sorted(set(names) - ready)


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    tainted = any(taint["key"].startswith("node.kubernetes.io/not-ready") for taint in node["spec"].get("taints", []))
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    # kwok reports Ready at once; the controller manager takes its own taint away a moment later, and until
    # then the scheduler places nothing there.
    return ready and not tainted
