"""Kubernetes Events: one for each change of a resource's Ready condition that a person would want to know of."""

from collections.abc import Mapping
from typing import Any

from eco2_operator.naming import FIELD_MANAGER, Key, Manifest
from eco2_operator.status.conditions import find

_QUIET = ("Progressing", "NotCreated", "Suspended", "Running", "WaitingForGateway", "WaitingForLoadBalancer")
"""Reasons that are on the way to something: no event."""


def on_transition(
    key: Key,
    obj: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    instance: str,
    now: str,
) -> Manifest | None:
    """The Event for a change of Ready, or None when nothing worth telling changed.

    Args:
        obj: the resource.
        before: its status until now.
        after: the status just written.
        instance: which process reports it.
        now: RFC 3339.
    """
    old = find(before.get("conditions") or (), "Ready") or {}
    new = find(after.get("conditions") or (), "Ready") or {}
    if new.get("reason") in _QUIET or (old.get("status"), old.get("reason")) == (
        new["status"],
        new["reason"],
    ):
        return None
    metadata = obj["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{key.name[:200]}.", "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": obj["apiVersion"],
            "kind": key.kind,
            "namespace": key.namespace,
            "name": key.name,
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Normal" if new["status"] == "True" else "Warning",
        "reason": new["reason"],
        "message": new["message"][:1024],
        "action": "Reconcile",
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": instance[:128],
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
