"""One EcoDomain with everything below it: resource -> children -> pods -> last error. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from eco2_operator.cli.status.summary import Summary
from eco2_operator.naming import Manifest


@dataclass(frozen=True, slots=True)
class Branch:
    """One object of the tree."""

    kind: str
    namespace: str
    name: str
    state: str
    well: bool
    """False marks what is missing or does not work."""
    error: str = ""
    below: "tuple[Branch, ...]" = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for ``-o json``."""

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        data: Manifest = {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "state": self.state,
            "well": self.well,
            **self.facts,
        }
        if self.error:
            data["error"] = self.error
        if self.below:
            data["below"] = [branch.as_data() for branch in self.below]
        return data


def tree(
    summary: Summary,
    children: Iterable[tuple[Mapping[str, Any], Manifest | None]],
    pods: Iterable[Manifest],
    simulated_nodes: frozenset[str],
    events: Mapping[str, str],
    before: "Iterable[Branch]" = (),
) -> Branch:
    """The tree of a domain.

    Args:
        summary: the domain itself.
        children: each entry of its inventory with the live object, None when that is gone.
        pods: its serving pods.
        simulated_nodes: names of the nodes whose pods are simulated.
        events: last warning about a pod, by the pod's uid.
        before: what the pods wait for.
    """
    pod_branches = tuple(
        pod_branch(pod, simulated_nodes, events.get(pod["metadata"]["uid"], ""))
        for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
    )
    below = (
        *before,
        *(child_branch(item, live, pod_branches if item["kind"] == "Deployment" else ()) for item, live in children),
    )
    if not any(branch.kind == "Deployment" for branch in below):
        below += pod_branches
    return Branch(
        "EcoDomain",
        summary.namespace,
        summary.name,
        f"Ready={summary.ready} {summary.reason}".rstrip(),
        summary.is_ready,
        below=below,
    )


def child_branch(
    item: Mapping[str, Any], live: Manifest | None, below: tuple[Branch, ...] = (), *, event: str = ""
) -> Branch:
    """A child as the inventory names it and the cluster has it.

    Args:
        event: the last warning about it.
    """
    kind, namespace, name = item["kind"], item.get("namespace", ""), item["name"]
    if live is None:
        return Branch(kind, namespace, name, "missing", False, "in the inventory, but not in the cluster", below)
    uid = live["metadata"].get("uid")
    if item.get("uid") and uid != item["uid"]:
        return Branch(kind, namespace, name, "foreign", False, "another object has taken the name", below)
    if live["metadata"].get("deletionTimestamp"):
        return Branch(kind, namespace, name, "being deleted", False, "", below)
    describe = _DESCRIBE.get(kind)
    state, well = describe(live) if describe is not None else ("", True)
    return Branch(kind, namespace, name, state, well, "" if well else _error(live) or event, below)


def _error(live: Manifest) -> str:
    """What the object itself says about its trouble: a quota, a deadline that has passed, missing metrics."""
    for found in (live.get("status") or {}).get("conditions") or ():
        if (found.get("type"), found.get("status")) in _TROUBLE:
            return f"{found.get('reason')}: {found.get('message')}"
    return ""


_TROUBLE: Final = {("ReplicaFailure", "True"), ("Progressing", "False"), ("ScalingActive", "False")}


def _deployment(live: Manifest) -> tuple[str, bool]:
    wanted = live["spec"].get("replicas", 1)
    ready = (live.get("status") or {}).get("readyReplicas") or 0
    return f"{ready}/{wanted} ready", ready >= wanted


def _service(live: Manifest) -> tuple[str, bool]:
    ports = []
    for port in live["spec"].get("ports") or ():
        node_port = f"node port {port['nodePort']} -> " if port.get("nodePort") else ""
        ports.append(f"{node_port}{port['port']} -> {port.get('targetPort', port['port'])}")
    return ", ".join(ports), True


def _autoscaler(live: Manifest) -> tuple[str, bool]:
    spec, status = live["spec"], live.get("status") or {}
    inactive = [
        c.get("reason", "")
        for c in status.get("conditions") or ()
        if c.get("type") == "ScalingActive" and c.get("status") == "False"
    ]
    text = f"{status.get('currentReplicas', 0)} of {spec.get('minReplicas', 1)}-{spec['maxReplicas']}"
    return (f"{text}, {inactive[0]}", False) if inactive else (text, True)


def _budget(live: Manifest) -> tuple[str, bool]:
    return f"{(live.get('status') or {}).get('disruptionsAllowed', 0)} may go", True


def _ingress(live: Manifest) -> tuple[str, bool]:
    found = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    addresses = [each.get("hostname") or each.get("ip") or "" for each in found]
    return ", ".join(filter(None, addresses)) or "no address yet", bool(addresses)


_DESCRIBE: Final[Mapping[str, Callable[[Manifest], tuple[str, bool]]]] = {
    "Deployment": _deployment,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "PodDisruptionBudget": _budget,
}


def pod_branch(pod: Manifest, simulated_nodes: frozenset[str], event: str) -> Branch:
    """A pod, with the last thing that went wrong in it."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    well = ready or status.get("phase") == "Succeeded"
    node = spec.get("nodeName") or ""
    restarts = sum(container.get("restartCount", 0) for container in containers)
    reason, error = _trouble(status)
    state = "ready" if ready else reason or status.get("phase") or "Pending"
    if metadata.get("deletionTimestamp"):
        state = "terminating"
    facts = {"node": node or None, "simulated": node in simulated_nodes, "restarts": restarts}
    notes = [f"on {node}" if node else "on no node"]
    if node in simulated_nodes:
        notes.append("simulated")
    if restarts:
        notes.append(f"{restarts} restarts")
    return Branch(
        "Pod",
        metadata.get("namespace", ""),
        metadata["name"],
        f"{state}, {', '.join(notes)}",
        well,
        "" if well else error or event,
        facts=facts,
    )


def _trouble(status: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and message of what keeps a pod from working: a container first, then scheduling, then the pod."""
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        reason, message = _container_trouble(container)
        if reason:
            return reason, f"container {container['name']}: {message or reason}"
    for found in status.get("conditions") or ():
        if found.get("type") == "PodScheduled" and found.get("status") == "False":
            return found.get("reason", ""), found.get("message", "")
    return status.get("reason", ""), status.get("message", "")


def _container_trouble(container: Mapping[str, Any]) -> tuple[str, str]:
    state, last = container.get("state") or {}, (container.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    before = _ending(last)
    if waiting.get("reason") in (None, "ContainerCreating", "PodInitializing"):
        if ended and ended.get("exitCode"):
            return ended.get("reason") or "Error", _ending(ended)
        return ("Restarted", before) if before and not container.get("ready") else ("", "")
    return waiting["reason"], "; ".join(part for part in (waiting.get("message", ""), before) if part)


def _ending(terminated: Mapping[str, Any]) -> str:
    if not terminated:
        return ""
    text = f"last exit code {terminated.get('exitCode')} ({terminated.get('reason') or 'Error'})"
    message = (terminated.get("message") or "").strip()
    return f"{text}: {message}" if message else text
