"""What the cache keeps of an object: all of what we make but others' managed fields, little of the rest. Pure.

Of pods and ReplicaSets what explains a failure, of Jobs how they went, of Secrets a keyed digest of every value and
never the value.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from eco2_operator.kinds import CONTROLLER_REVISION, JOB, POD, REPLICA_SET, SECRET
from eco2_operator.naming import FIELD_MANAGER, GROUP, REPLICAS_MANAGER, Manifest, Ref

Digest = Callable[[str, bytes], str]
"""A value of a Secret, called ``namespace/name/key``, to what tells two values apart and reveals neither."""
JOB_NAME_LABEL: Final = "batch.kubernetes.io/job-name"
_KEPT_LABELS = ("pod-template-hash", JOB_NAME_LABEL)
_REVISION = "deployment.kubernetes.io/revision"
_TEXT = 512
"""Characters kept of a message."""


def slim(ref: Ref, obj: Mapping[str, Any], digest: Digest) -> Mapping[str, Any]:
    """What is kept of an object."""
    match ref.kind:
        case POD.name:
            return slim_pod(obj)
        case REPLICA_SET.name:
            return slim_replica_set(obj)
        case SECRET.name:
            return slim_secret(obj, digest)
        case JOB.name:
            return slim_job(obj)
        case CONTROLLER_REVISION.name:
            return _without(_owned_by_us(ref, obj), "data")
    return _owned_by_us(ref, obj)


def slim_pod(obj: Mapping[str, Any]) -> Manifest:
    """A pod as far as it can explain a failure: phase, failing conditions, container states."""
    slim = _head(obj)
    status = obj.get("status") or {}
    slim["spec"] = {"nodeName": (obj.get("spec") or {}).get("nodeName", "")}
    slim["status"] = {
        "phase": status.get("phase", ""),
        **{k: status[k][:_TEXT] for k in ("reason", "message") if status.get(k)},
        "conditions": [
            {k: str(c[k])[:_TEXT] for k in ("type", "status", "reason", "message") if c.get(k)}
            for c in status.get("conditions") or ()
            if c.get("status") != "True" and c.get("type") in ("PodScheduled", "Ready")
        ],
        **{
            group: [_slim_container(c) for c in status.get(group) or ()]
            for group in ("initContainerStatuses", "containerStatuses")
        },
    }
    return slim


def slim_replica_set(obj: Mapping[str, Any]) -> Manifest:
    """A ReplicaSet without its template: revision, numbers and conditions."""
    slim = _head(obj)
    revision = (obj["metadata"].get("annotations") or {}).get(_REVISION, "0")
    slim["metadata"]["annotations"] = {_REVISION: revision}
    status = obj.get("status") or {}
    slim["spec"] = {"replicas": (obj.get("spec") or {}).get("replicas", 0)}
    slim["status"] = {"conditions": _true(status)}
    return slim


def slim_job(obj: Mapping[str, Any]) -> Manifest:
    """A Job without its template: whose it is, what it ran, how it went."""
    slim = _head(obj)
    metadata, status = obj["metadata"], obj.get("status") or {}
    slim["metadata"]["annotations"] = _ours(metadata)
    slim["metadata"]["ownerReferences"] = metadata.get("ownerReferences") or []
    slim["status"] = {
        "conditions": _true(status),
        **{k: status[k] for k in ("startTime", "completionTime", "active", "failed", "succeeded") if status.get(k)},
    }
    return slim


def slim_secret(obj: Mapping[str, Any], digest: Digest) -> Manifest:
    """A Secret without its values: a digest of each, by its key.

    Annotations of others are dropped: kubectl keeps whole values in one of them.
    """
    slim = _head(obj)
    metadata = obj["metadata"]
    slim["metadata"]["labels"] = metadata.get("labels") or {}
    slim["metadata"]["annotations"] = _ours(metadata)
    slim["metadata"]["ownerReferences"] = metadata.get("ownerReferences") or []
    where = f"{metadata.get('namespace', '')}/{metadata['name']}"
    data = sorted((obj.get("data") or {}).items())
    slim["digests"] = {key: digest(f"{where}/{key}", _decoded(value)) for key, value in data}
    return slim


def _owned_by_us(ref: Ref, obj: Mapping[str, Any]) -> Manifest:
    """The object with our own entries of the managed fields alone."""
    ours = [
        entry
        for entry in obj["metadata"].get("managedFields") or ()
        if entry.get("manager") in (FIELD_MANAGER, REPLICAS_MANAGER)
    ]
    metadata = _without(obj["metadata"], "managedFields")
    if ours and ref.group != GROUP:
        metadata["managedFields"] = ours
    return {**obj, "metadata": metadata}


def _head(obj: Mapping[str, Any]) -> Manifest:
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
    labels = metadata.get("labels") or {}
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {
            **{k: metadata[k] for k in kept if k in metadata},
            "labels": {k: labels[k] for k in _KEPT_LABELS if k in labels},
        },
    }


def _slim_container(status: Mapping[str, Any]) -> Manifest:
    kept = ("reason", "message", "exitCode")
    return {
        "name": status["name"],
        "ready": status.get("ready", False),
        "started": status.get("started", False),
        "restartCount": status.get("restartCount", 0),
        **({"imageID": image} if "@sha256:" in (image := status.get("imageID", "")) else {}),
        **{
            field: {
                state: {k: v[:_TEXT] if isinstance(v, str) else v for k, v in detail.items() if k in kept}
                for state, detail in (status.get(field) or {}).items()
                if state != "running"
            }
            for field in ("state", "lastState")
            if status.get(field)
        },
    }


def _true(status: Mapping[str, Any]) -> list[Manifest]:
    return [c for c in status.get("conditions") or () if c.get("status") == "True"]


def _ours(metadata: Mapping[str, Any]) -> dict[str, str]:
    return {k: v for k, v in (metadata.get("annotations") or {}).items() if k.startswith(f"{GROUP}/")}


def _without(fields: Mapping[str, Any], name: str) -> Manifest:
    return {k: v for k, v in fields.items() if k != name}


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):  # the API server lets no such thing in
        return b""
