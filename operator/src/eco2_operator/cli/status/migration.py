"""The migration of a domain in its tree: the Job, its pods, and what it says. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eco2_operator.cli.status.summary import NAME_LABEL, condition
from eco2_operator.cli.status.tree import Branch, pod_branch
from eco2_operator.naming import Manifest, child_name
from eco2_operator.slim import JOB_NAME_LABEL

_IN_ORDER: Final = ("Succeeded", "Running")


def migration_branch(
    domain: Mapping[str, Any], pods: Iterable[Manifest], simulated_nodes: frozenset[str], events: Mapping[str, str]
) -> Branch | None:
    """The migration of the present spec; None when the domain has none.

    Args:
        pods: those of its namespace.
        simulated_nodes: names of the nodes whose pods are simulated.
        events: last warning about a pod, by the pod's uid.
    """
    metadata, status = domain["metadata"], domain.get("status") or {}
    record = status.get("migration") or {}
    if not record.get("hash"):
        return None
    name = child_name(metadata["name"], "migrate", record["hash"][:8])
    mine = [pod for pod in pods if _is_of(pod, metadata["namespace"], child_name(metadata["name"], "migration"), name)]
    below = tuple(
        pod_branch(pod, simulated_nodes, events.get(pod["metadata"]["uid"], ""))
        for pod in sorted(mine, key=lambda pod: str(pod["metadata"]["name"]))
    )
    told, state = condition(status, "MigrationComplete") or {}, record.get("state") or "Unknown"
    well = state in _IN_ORDER and told.get("reason", state) == state
    at = record.get("finishedAt") or record.get("startedAt")
    facts = {"hash": record["hash"], "startedAt": record.get("startedAt"), "finishedAt": record.get("finishedAt")}
    text = f"migration {state}{f' since {at}' if at else ''}"
    return Branch("Job", metadata["namespace"], name, text, well, "" if well else told.get("message", ""), below, facts)


def _is_of(pod: Mapping[str, Any], namespace: str, label: str, job: str) -> bool:
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    return (metadata.get("namespace"), labels.get(NAME_LABEL), labels.get(JOB_NAME_LABEL)) == (namespace, label, job)
