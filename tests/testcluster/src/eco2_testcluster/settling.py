"""Whether the operator has made up its mind about a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PROGRESSING = frozenset({"", "Progressing", "NotCreated", "Pending", "Reconciling", "Unknown", "WaitingForGateway"})
"""Reasons of `Ready=False` that only say that it is not done yet."""


def is_settled(obj: Mapping[str, Any]) -> bool:
    """Whether the status is about this generation and would not change by waiting a little longer."""
    status = obj.get("status", {})
    generation = obj.get("metadata", {}).get("generation", 0)
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    ready = conditions.get("Ready")
    if ready is None or ready.get("observedGeneration", status.get("observedGeneration", 0)) < generation:
        return False
    if ready["status"] == "True":
        return True
    if conditions.get("Stalled", {}).get("status") == "True":
        return True
    if conditions.get("Reconciling", {}).get("status") == "True":
        return False
    return ready["status"] == "False" and ready.get("reason", "") not in PROGRESSING


def unsettled(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """The unsettled ones as `namespace/name (reason)`."""
    return [_describe(obj) for obj in objects if not is_settled(obj)]


def _describe(obj: Mapping[str, Any]) -> str:
    meta = obj["metadata"]
    conditions = obj.get("status", {}).get("conditions", ())
    reason = next((c.get("reason") for c in conditions if c["type"] == "Ready"), None)
    return f"{meta.get('namespace', '')}/{meta['name']} ({reason or 'no status yet'})"
