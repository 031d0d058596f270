"""EcoSecretBindings in a line each, and in the tree of a domain that reads them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.cli.status.summary import condition
from eco2_operator.cli.status.tree import Branch
from eco2_operator.naming import Manifest


@dataclass(frozen=True, slots=True)
class BindingSummary:
    """What the table shows of one EcoSecretBinding."""

    namespace: str
    name: str
    synced: str
    """True, False or Unknown."""
    reason: str
    message: str
    keys: tuple[Mapping[str, Any], ...]
    """Each with its name, and what the status knows of it; never a value."""
    created_at: str

    @property
    def is_synced(self) -> bool:
        """Whether every key has its present value."""
        return self.synced == "True"

    @property
    def present(self) -> int:
        """Keys that have a value, be it the last good one."""
        return sum("hashPrefix" in key for key in self.keys)

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        return {
            "kind": "EcoSecretBinding",
            "namespace": self.namespace,
            "name": self.name,
            "synced": self.synced,
            "reason": self.reason,
            "message": self.message,
            "keys": [dict(key) for key in self.keys],
            "createdAt": self.created_at,
        }


def summarize_binding(binding: Mapping[str, Any]) -> BindingSummary:
    """Sum up an EcoSecretBinding as the API server has it."""
    metadata, status = binding["metadata"], binding.get("status") or {}
    synced, reason, message = _synced(metadata, status)
    known = {key["name"]: key for key in status.get("keys") or ()}
    return BindingSummary(
        namespace=metadata["namespace"],
        name=metadata["name"],
        synced=synced,
        reason=reason,
        message=message,
        keys=tuple(known.get(key["name"], {"name": key["name"]}) for key in binding["spec"]["keys"]),
        created_at=metadata.get("creationTimestamp") or "",
    )


def _synced(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[str, str, str]:
    """A Synced of an older spec says nothing; a faulty or suspended binding says it by Ready alone."""
    generation = metadata.get("generation", 0)
    if (status.get("observedGeneration") or 0) < generation:
        return "Unknown", "NotObserved", "the operator has not seen this spec; if this stays, it is not running"
    ready = condition(status, "Ready") or {}
    synced = condition(status, "Synced") or ready
    if (synced.get("observedGeneration") or generation) < generation:
        synced = ready
    return synced.get("status", "Unknown"), synced.get("reason", ""), synced.get("message", "")


def binding_branches(domain: Mapping[str, Any], bindings: Iterable[Manifest]) -> tuple[Branch, ...]:
    """The bindings a domain reads."""
    metadata = domain["metadata"]
    known = {binding["metadata"]["name"]: binding for binding in bindings}
    ready = (condition(domain.get("status") or {}, "SecretsReady") or {}).get("status") == "True"
    return tuple(
        _branch(metadata["namespace"], use["name"], known.get(use["name"]), ready)
        for use in (domain.get("spec") or {}).get("secrets") or ()
    )


def _branch(namespace: str, name: str, binding: Manifest | None, ready: bool) -> Branch:
    if binding is None:
        return Branch("EcoSecretBinding", namespace, name, "missing: only the Secret of that name counts", ready)
    row = summarize_binding(binding)
    state = f"Synced={row.synced} {row.reason}, {row.present} of {len(row.keys)} keys"
    return Branch("EcoSecretBinding", namespace, name, state, row.is_synced, "" if row.is_synced else row.message)
