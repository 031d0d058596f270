"""One EcoDomain in a line: what its status says, and what its status cannot say. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from eco2_operator.naming import Manifest

SIMULATED: Final = "kwok.x-k8s.io/node"
"""Annotation of a node whose pods exist on paper only; its value is ``fake``."""
NAME_LABEL: Final = "app.kubernetes.io/name"
DOMAIN_LABEL: Final = "domain"
SERVING_PODS: Final = f"{NAME_LABEL},{DOMAIN_LABEL}"
"""Selector of every pod that may belong to a domain; `pods_of` decides."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the table shows of one domain."""

    namespace: str
    name: str
    ready: str
    """True, False or Unknown."""
    reason: str
    message: str
    replicas_ready: int
    replicas_wanted: int
    node_port: int | None
    image: str
    created_at: str
    pods: str
    """``simulated``, ``real``, ``mixed`` or, without pods, nothing."""

    @property
    def is_ready(self) -> bool:
        """Whether all is well."""
        return self.ready == "True"

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        data = asdict(self)
        data["replicas"] = {"ready": data.pop("replicas_ready"), "wanted": data.pop("replicas_wanted")}
        return {
            "kind": "EcoDomain",
            "namespace": data.pop("namespace"),
            "name": data.pop("name"),
            "ready": data.pop("ready"),
            "reason": data.pop("reason"),
            "message": data.pop("message"),
            "replicas": data.pop("replicas"),
            "nodePort": data.pop("node_port"),
            "image": data.pop("image"),
            "createdAt": data.pop("created_at"),
            "pods": data.pop("pods") or None,
        }


def summarize(domain: Mapping[str, Any], pods: Iterable[Manifest], simulated_nodes: frozenset[str]) -> Summary:
    """Sum up an EcoDomain.

    Args:
        domain: the EcoDomain as the API server has it.
        pods: its serving pods.
        simulated_nodes: names of the nodes whose pods are simulated.
    """
    metadata, spec, status = domain["metadata"], domain.get("spec") or {}, domain.get("status") or {}
    ready, reason, message = readiness(metadata, status)
    return Summary(
        namespace=metadata["namespace"],
        name=metadata["name"],
        ready=ready,
        reason=reason,
        message=message,
        replicas_ready=status.get("readyReplicas") or 0,
        replicas_wanted=_wanted(spec, status),
        node_port=status.get("nodePort"),
        image=status.get("image") or spec.get("image") or "",
        created_at=metadata.get("creationTimestamp") or "",
        pods=pods_mark(pods, simulated_nodes),
    )


def readiness(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[str, str, str]:
    """Status, reason and message of Ready; a Ready of an older spec says nothing about this one."""
    ready = condition(status, "Ready")
    generation = metadata.get("generation", 0)
    observed = status.get("observedGeneration") or (ready or {}).get("observedGeneration") or 0
    if ready is None or observed < generation:
        return (
            "Unknown",
            "NotObserved",
            f"the operator has seen generation {observed} of {generation}; if this stays, it is not running",
        )
    return ready["status"], ready.get("reason", ""), ready.get("message", "")


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """A condition by its type."""
    for found in status.get("conditions") or ():
        if found.get("type") == kind:
            result: Mapping[str, Any] = found
            return result
    return None


def _wanted(spec: Mapping[str, Any], status: Mapping[str, Any]) -> int:
    autoscaling = spec.get("autoscaling")
    if autoscaling:
        return int(status.get("replicas") or autoscaling.get("minReplicas") or 1)
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)


def pods_of(domain: Mapping[str, Any], pods: Iterable[Manifest]) -> list[Manifest]:
    """The domain's serving pods, by the labels its Service selects them with."""
    metadata = domain["metadata"]
    label = (domain.get("spec") or {}).get("domain") or metadata["name"]
    wanted = (metadata["namespace"], metadata["name"], label)
    return [pod for pod in pods if _pod_domain(pod) == wanted]


def _pod_domain(pod: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    labels = pod["metadata"].get("labels") or {}
    return pod["metadata"].get("namespace"), labels.get(NAME_LABEL), labels.get(DOMAIN_LABEL)


def simulated_names(nodes: Iterable[Manifest]) -> frozenset[str]:
    """Names of the nodes that simulate their pods."""
    return frozenset(
        node["metadata"]["name"]
        for node in nodes
        if (node["metadata"].get("annotations") or {}).get(SIMULATED) == "fake"
    )


def pods_mark(pods: Iterable[Manifest], simulated_nodes: frozenset[str]) -> str:
    """Whether pods run or only pretend to."""
    nodes = {(pod.get("spec") or {}).get("nodeName") for pod in pods} - {None, ""}
    if not nodes:
        return ""
    if nodes <= simulated_nodes:
        return "simulated"
    return "mixed" if nodes & simulated_nodes else "real"


def age(created_at: str, now: datetime) -> str:
    """How old something is, as kubectl says it: the two largest units at most."""
    if not created_at:
        return ""
    seconds = max(0, int((now - datetime.fromisoformat(created_at)).total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{days}d"
