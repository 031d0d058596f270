"""What the operator knows of the cluster, fed by watches and by the answers to its own writes. No IO.

Objects are kept as compact JSON and parsed when asked for: a Deployment takes about 5 KiB this way, a multiple as
Python dicts. Of the managed fields only our own managers' entries are kept; of pods only what explains a failure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from eco2_operator.kinds import ECO_DOMAIN, POD, REPLICA_SET
from eco2_operator.naming import FIELD_MANAGER, REPLICAS_MANAGER, Key, Manifest, Ref, owner_key

NAME_LABEL = "app.kubernetes.io/name"


class Change(Enum):
    """What putting an object did."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    """The cache had this version, or a newer one, already."""


@dataclass(slots=True)
class _Entry:
    version: str
    uid: str
    owner: Key | None
    data: bytes


class Cache:
    """Objects by reference, with the indices the reconcilers need."""

    def __init__(self) -> None:
        self._entries: dict[Ref, _Entry] = {}
        self._kinds: dict[tuple[str, str], set[Ref]] = {}
        self._owned: dict[Key, set[Ref]] = {}
        self._domains: dict[tuple[str, str], set[Ref]] = {}

    def put(self, obj: Mapping[str, Any]) -> Change:
        """Store an object unless a newer version is there."""
        ref = Ref.of(obj)
        metadata = obj["metadata"]
        version, uid = metadata.get("resourceVersion", ""), metadata.get("uid", "")
        known = self._entries.get(ref)
        if known is not None and known.uid == uid and not newer(version, known.version):
            return Change.SAME
        if known is not None:
            self._unindex(ref, known)
        slim = _slim(ref, obj)
        entry = _Entry(version, uid, _owner(ref, obj), orjson.dumps(slim))
        self._entries[ref] = entry
        self._kinds.setdefault((ref.group, ref.kind), set()).add(ref)
        if entry.owner is not None:
            self._owned.setdefault(entry.owner, set()).add(ref)
        if _is_domain(ref):
            self._domains.setdefault((ref.namespace, domain_label(obj)), set()).add(ref)
        return Change.NEW if known is None else Change.CHANGED

    def remove(self, ref: Ref, *, uid: str | None = None) -> Key | None:
        """Forget an object (of that uid, when given). The owner it had, if it was known."""
        known = self._entries.get(ref)
        if known is None or (uid is not None and known.uid != uid):
            return None
        del self._entries[ref]
        self._kinds[ref.group, ref.kind].discard(ref)
        self._unindex(ref, known)
        return known.owner

    def get(self, ref: Ref) -> Manifest | None:
        """The object, freshly parsed: the caller may change it."""
        entry = self._entries.get(ref)
        if entry is None:
            return None
        obj: Manifest = orjson.loads(entry.data)
        return obj

    def resource(self, key: Key) -> Manifest | None:
        """A custom resource of ours."""
        return self.get(Ref(ECO_DOMAIN.group, key.kind, key.namespace, key.name))

    def version(self, ref: Ref) -> str | None:
        """resourceVersion of an object."""
        entry = self._entries.get(ref)
        return entry.version if entry is not None else None

    def uid(self, ref: Ref) -> str | None:
        """Unique id of an object."""
        entry = self._entries.get(ref)
        return entry.uid if entry is not None else None

    def owner(self, ref: Ref) -> Key | None:
        """The resource an object belongs to."""
        entry = self._entries.get(ref)
        return entry.owner if entry is not None else None

    def owned(self, key: Key) -> list[Ref]:
        """Everything that belongs to a resource, pods included, in a stable order."""
        return sorted(self._owned.get(key, ()))

    def refs(self, group: str, kind: str) -> Iterator[Ref]:
        """Every object of a kind."""
        return iter(sorted(self._kinds.get((group, kind), ())))

    def resources(self, kind: str) -> list[Key]:
        """Every custom resource of a kind."""
        return [Key(kind, ref.namespace, ref.name) for ref in self.refs(ECO_DOMAIN.group, kind)]

    def domain(self, namespace: str, label: str) -> Manifest | None:
        """The EcoDomain with that `domain` label in a namespace; the first by name, when several share it."""
        refs = self._domains.get((namespace, label))
        return self.get(min(refs)) if refs else None

    def __len__(self) -> int:
        return len(self._entries)

    def _unindex(self, ref: Ref, entry: _Entry) -> None:
        if entry.owner is not None:
            refs = self._owned[entry.owner]
            refs.discard(ref)
            if not refs:
                del self._owned[entry.owner]
        if _is_domain(ref):
            label = (ref.namespace, domain_label(orjson.loads(entry.data)))
            self._domains[label].discard(ref)
            if not self._domains[label]:
                del self._domains[label]


def domain_label(obj: Mapping[str, Any]) -> str:
    """The value of the `domain` label an EcoDomain gives its pods."""
    return str((obj.get("spec") or {}).get("domain") or obj["metadata"]["name"])


def _is_domain(ref: Ref) -> bool:
    return ref.kind == ECO_DOMAIN.name and ref.group == ECO_DOMAIN.group


def newer(version: str, known: str) -> bool:
    """Whether a resourceVersion comes after another of the same object.

    They are opaque in general, but comparable as numbers on every API server since 1.35 (KEP-5504); where they are
    not numbers, the last one that came in counts.
    """
    if version.isdigit() and known.isdigit():
        return int(version) > int(known)
    return version != known


def _owner(ref: Ref, obj: Mapping[str, Any]) -> Key | None:
    """Pods and ReplicaSets belong to a Deployment; its resource is named by their label."""
    if ref.kind in (POD.name, REPLICA_SET.name):
        name = (obj["metadata"].get("labels") or {}).get(NAME_LABEL)
        return Key(ECO_DOMAIN.name, ref.namespace, name) if name else None
    return owner_key(obj)


def _slim(ref: Ref, obj: Mapping[str, Any]) -> Mapping[str, Any]:
    if ref.kind == POD.name:
        return slim_pod(obj)
    if ref.kind == REPLICA_SET.name:
        return slim_replica_set(obj)
    ours = [
        entry
        for entry in obj["metadata"].get("managedFields") or ()
        if entry.get("manager") in (FIELD_MANAGER, REPLICAS_MANAGER)
    ]
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    if ours and ref.group != ECO_DOMAIN.group:
        metadata["managedFields"] = ours
    return {**obj, "metadata": metadata}


def _head(obj: Mapping[str, Any]) -> Manifest:
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {
            **{k: metadata[k] for k in kept if k in metadata},
            "labels": {"pod-template-hash": (metadata.get("labels") or {}).get("pod-template-hash", "")},
        },
    }


def slim_replica_set(obj: Mapping[str, Any]) -> Manifest:
    """A ReplicaSet without its template: revision, numbers and conditions."""
    slim = _head(obj)
    revision = (obj["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", "0")
    slim["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
    status = obj.get("status") or {}
    slim["spec"] = {"replicas": (obj.get("spec") or {}).get("replicas", 0)}
    slim["status"] = {"conditions": [c for c in status.get("conditions") or () if c.get("status") == "True"]}
    return slim


def slim_pod(obj: Mapping[str, Any]) -> Manifest:
    """A pod as far as it can explain a failure: phase, failing conditions, container states."""
    slim = _head(obj)
    status = obj.get("status") or {}
    slim["spec"] = {"nodeName": (obj.get("spec") or {}).get("nodeName", "")}
    slim["status"] = {
        "phase": status.get("phase", ""),
        **{k: status[k][:512] for k in ("reason", "message") if status.get(k)},
        "conditions": [
            {k: str(c[k])[:512] for k in ("type", "status", "reason", "message") if c.get(k)}
            for c in status.get("conditions") or ()
            if c.get("status") != "True" and c.get("type") in ("PodScheduled", "Ready")
        ],
        **{
            group: [_slim_container(c) for c in status.get(group) or ()]
            for group in ("initContainerStatuses", "containerStatuses")
        },
    }
    return slim


def _slim_container(status: Mapping[str, Any]) -> Manifest:
    kept = ("reason", "message", "exitCode")
    return {
        "name": status["name"],
        "ready": status.get("ready", False),
        "restartCount": status.get("restartCount", 0),
        **{
            field: {
                state: {k: v[:512] if isinstance(v, str) else v for k, v in detail.items() if k in kept}
                for state, detail in (status.get(field) or {}).items()
                if state != "running"
            }
            for field in ("state", "lastState")
            if status.get(field)
        },
    }
