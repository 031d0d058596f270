"""Names, labels and ownership of the children: pure, deterministic, never over the limits of Kubernetes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

GROUP: Final = "eco2.growbin.app"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "eco2-operator"
REPLICAS_MANAGER: Final = "eco2-operator-replicas"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "eco2-operator"
SELECTOR: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"

OWNER_ANNOTATION: Final = f"{GROUP}/owner"
SUSPEND_ANNOTATION: Final = f"{GROUP}/suspend"
RESTART_ANNOTATION: Final = f"{GROUP}/restart"
RERUN_ANNOTATION: Final = f"{GROUP}/rerun-migration"
MIGRATION_HASH_ANNOTATION: Final = f"{GROUP}/migration-hash"
SECRETS_ANNOTATION: Final = f"{GROUP}/secrets"
"""On a pod template: the Secrets the pods read and a hash of the keys they read, as ``name=hash,name=hash``."""

MAX_LABEL: Final = 63
"""Longest label value and DNS label (RFC 1123, section 2.1)."""

Manifest = dict[str, Any]
"""A Kubernetes object as plain JSON values."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One custom resource of ours: what the work queue counts."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One child object, whatever its version."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Ref":
        """The reference of a manifest, or of a live object."""
        api_version = str(manifest["apiVersion"])
        metadata = manifest["metadata"]
        return cls(api_version.rpartition("/")[0], manifest["kind"], metadata.get("namespace", ""), metadata["name"])

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def child_name(name: str, *suffix: str) -> str:
    """A child's name: the parts joined by ``-``; cut with a hash of the whole when over 63 characters."""
    full = "-".join((name, *suffix))
    if len(full) <= MAX_LABEL:
        return full
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return f"{full[: MAX_LABEL - 9].rstrip('-.')}-{digest}"


def owner_reference(key: Key, uid: str) -> Manifest:
    """The controller reference that ties a child in the same namespace to its resource."""
    return {
        "apiVersion": API_VERSION,
        "kind": key.kind,
        "name": key.name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The owner reference with ``controller: true``, if the object has one."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Mapping[str, Any] = reference
            return found
    return None


def controller_uid(obj: Mapping[str, Any]) -> str:
    """Uid of the object's controller; empty without one."""
    return str((controller_of(obj) or {}).get("uid", ""))


def owner_key(obj: Mapping[str, Any]) -> Key | None:
    """Which of our resources this child belongs to: by controller reference, else by the owner annotation."""
    metadata = obj["metadata"]
    controller = controller_of(obj)
    if controller is not None and str(controller.get("apiVersion", "")).startswith(f"{GROUP}/"):
        return Key(controller["kind"], metadata.get("namespace", ""), controller["name"])
    kind, _, rest = (metadata.get("annotations") or {}).get(OWNER_ANNOTATION, "").partition("/")
    namespace, _, name = rest.partition("/")
    return Key(kind, namespace, name) if kind and namespace and name else None
