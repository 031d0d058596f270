"""What the operator's unit tests share: time that jumps, an API server in memory, resources to begin with.

The API server knows what the operator relies on: uids, resource versions, generations, and server-side apply with its
owners, conflicts, removals and preconditions. Lists are atomic in it, and Deployments default to one replica.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from eco2_operator.errors import ChildError, Conflict, NamespaceGone
from eco2_operator.failures import ManagerConflict
from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, Kind
from eco2_operator.naming import API_VERSION, FIELD_MANAGER, Key, Manifest, Ref, owner_reference

P = ParamSpec("P")
Path = tuple[str, ...]
Holder = tuple[str, str, str]
"""Field manager, operation, subresource."""

NAMESPACE = "shop"
DOMAIN_UID = "uid-of-scan"
KEY = Key("EcoDomain", NAMESPACE, "scan")
NOW = "2026-11-22T10:00:00Z"


class Clock:
    """A clock that stands still until it is turned."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Instead of sleeping until the next timer it moves the time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the test waits for something that nothing will bring about")
            self.now += timeout
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a loop in which sleeping takes no time: order and durations are exact, and it is fast."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


@dataclass(frozen=True)
class Write:
    """One request that changes something."""

    verb: str
    ref: Ref
    body: Manifest
    manager: str = ""
    force: bool = False
    subresource: str | None = None


@dataclass
class FakeApi:
    """An API server in memory: a Reader and a Writer."""

    objects: dict[Ref, Manifest] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    """Every request that reached the server, refused ones included."""
    reads: list[Ref] = field(default_factory=list)
    failures: dict[tuple[str, str], ChildError] = field(default_factory=dict)
    """(verb, kind) that fails, with what."""
    logs: dict[str, str] = field(default_factory=dict)
    """What the pods wrote."""
    told: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Messages of Events, by the object's name and the reason."""
    history: list[Manifest] = field(default_factory=list)
    """Every version of every object that was ever stored."""
    _owners: dict[Ref, dict[Holder, set[Path]]] = field(default_factory=dict)
    _version: int = 100
    _uids: int = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        ref = Ref(kind.group, kind.name, namespace, name)
        self.reads.append(ref)
        self._fail("get", kind)
        return deepcopy(self.objects.get(ref))

    async def metadata(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        obj = await self.get(kind, namespace, name)
        return {"metadata": obj["metadata"]} if obj is not None else None

    async def list_metadata(self, kind: Kind, namespace: str, selector: str) -> tuple[list[Manifest], str]:
        self._fail("list", kind)
        label, _, value = selector.partition("=")
        found = [
            {"metadata": deepcopy(obj["metadata"])}
            for ref, obj in self.objects.items()
            if (ref.group, ref.kind) == (kind.group, kind.name) and namespace in ("", ref.namespace)
            if not selector or (obj["metadata"].get("labels") or {}).get(label) == value
        ]
        return found, str(self._version)

    async def log_tail(self, namespace: str, pod: str, container: str) -> str:
        self.reads.append(Ref("", "Log", namespace, pod))
        return self.logs.get(pod, "")

    async def warnings(self, namespace: str, name: str, reason: str) -> list[str]:
        self.reads.append(Ref("", "Event", namespace, name))
        return self.told.get((name, reason), [])

    async def apply(
        self,
        kind: Kind,
        manifest: Manifest,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        subresource: str | None = None,
    ) -> Manifest:
        ref = Ref.of(manifest)
        self.writes.append(Write("apply", ref, deepcopy(manifest), manager, force, subresource))
        self._fail("apply", kind)
        live = self.objects.get(ref)
        uid = manifest["metadata"].get("uid")
        if live is None and subresource:
            raise NamespaceGone(f"{ref}: not found")
        if uid and uid != (live or {"metadata": {"uid": ""}})["metadata"]["uid"]:
            raise Conflict(f"{ref}: the UID in the precondition is {uid}")
        wanted = dict(_leaves(manifest, subresource))
        holder = (manager, "Apply", subresource or "")
        version = manifest["metadata"].get("resourceVersion")
        return self._merge(ref, live or _empty(manifest), wanted, holder, version=version, force=force)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str) -> None:
        ref = Ref(kind.group, kind.name, namespace, name)
        self.writes.append(Write("delete", ref, {"uid": uid}))
        self._fail("delete", kind)
        live = self.objects.get(ref)
        if live is not None and live["metadata"]["uid"] != uid:
            raise Conflict(f"{ref}: the UID in the precondition is {uid}")
        self.remove(ref)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        name = manifest["metadata"].get("name") or manifest["metadata"]["generateName"]
        ref = Ref(kind.group, kind.name, manifest["metadata"]["namespace"], name)
        self.writes.append(Write("create", ref, deepcopy(manifest)))
        self._fail("create", kind)
        return deepcopy(manifest)

    def store(self, obj: Manifest, *, manager: str = "kubectl-create") -> Manifest:
        """Make or replace an object as somebody else does: old fields and owners are gone, but not its status."""
        ref = Ref.of(obj)
        live = self.objects.get(ref, {})
        uid = obj["metadata"].get("uid") or self._new_uid()
        generation = live.get("metadata", {}).get("generation", 1)
        stored = {**deepcopy(obj), "metadata": {**deepcopy(obj["metadata"]), "uid": uid, "generation": generation}}
        if "status" in live:
            stored["status"] = live["status"]
        kept = {holder: paths for holder, paths in self._owners.get(ref, {}).items() if holder[2] == "status"}
        self._owners[ref] = {**kept, (manager, "Update", ""): set(dict(_leaves(obj, None)))}
        return deepcopy(self._save(ref, stored))

    def edit(self, ref: Ref, fields: Mapping[Path, Any], *, manager: str = "kubectl-edit", sub: str = "") -> Manifest:
        """Set some fields as somebody else does: they are his then. None removes a field."""
        obj = deepcopy(self.objects[ref])
        for path, value in fields.items():
            for owned in self._owners[ref].values():
                owned.discard(path)
            if value is None:
                _drop(obj, path)
            else:
                _set(obj, path, value)
                self._owners[ref].setdefault((manager, "Update", sub), set()).add(path)
        return deepcopy(self._save(ref, obj))

    def remove(self, ref: Ref) -> None:
        """Delete an object as somebody else does."""
        self.objects.pop(ref, None)
        self._owners.pop(ref, None)

    def written(self, verb: str = "apply") -> list[Ref]:
        """What was written to, in order."""
        return [write.ref for write in self.writes if write.verb == verb]

    def owners(self, ref: Ref, path: Path) -> set[str]:
        """Names of the managers that hold a field."""
        return {holder[0] for holder, paths in self._owners[ref].items() if path in paths}

    def _merge(
        self,
        ref: Ref,
        live: Manifest,
        wanted: Mapping[Path, Any],
        holder: Holder,
        *,
        version: str | None,
        force: bool,
    ) -> Manifest:
        owners = self._owners.setdefault(ref, {})
        others = {h: paths for h, paths in owners.items() if h != holder}
        taken = {
            (h[0], path)
            for h, paths in others.items()
            for path in paths & set(wanted)
            if _value(live, path) != wanted[path]
        }
        if taken and not force:
            fields = tuple(sorted((name, "." + ".".join(path)) for name, path in taken))
            raise ManagerConflict(f"{ref}: conflicts with {fields}", fields)
        if version and version != live["metadata"].get("resourceVersion", version):  # an object that is new has none
            raise Conflict(f"{ref}: the object has been modified")
        obj = deepcopy(live)
        for path in owners.get(holder, set()) - set(wanted):
            if not any(path in paths for paths in others.values()) and not isinstance(_value(obj, path), Mapping):
                _drop(obj, path)
        for name, path in taken:
            for h, paths in others.items():
                if h[0] == name:
                    paths.discard(path)
        for path, value in wanted.items():
            if value != {} or not isinstance(_value(obj, path), Mapping):  # an empty map adds nothing to a map
                _set(obj, path, deepcopy(value))
        owners[holder] = set(wanted)
        return deepcopy(self._save(ref, obj))

    def _save(self, ref: Ref, obj: Manifest) -> Manifest:
        """Store a version; nothing happens when it is like the one before."""
        before = self.objects.get(ref)
        if ref.kind == DEPLOYMENT.name:
            obj.setdefault("spec", {}).setdefault("replicas", 1)
        metadata = obj["metadata"]
        if not metadata.get("uid"):
            metadata["uid"] = self._new_uid()
        metadata["managedFields"] = list(_managed_fields(self._owners.get(ref, {})))
        metadata.setdefault("generation", 1)
        if before is not None and before.get("spec") != obj.get("spec"):
            metadata["generation"] = before["metadata"]["generation"] + 1
        if obj == before:
            return before
        self._version += 1
        metadata["resourceVersion"] = str(self._version)
        self.objects[ref] = obj
        self.history.append(deepcopy(obj))
        return obj

    def _fail(self, verb: str, kind: Kind) -> None:
        error = self.failures.get((verb, kind.name))
        if error is not None:
            raise error

    def _new_uid(self) -> str:
        self._uids += 1
        return f"uid-{self._uids}"


_HEAD = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "uid")}
_SERVER = {"resourceVersion", "generation", "managedFields", "creationTimestamp", "deletionTimestamp"}


def _leaves(obj: Mapping[str, Any], subresource: str | None, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in obj.items():
        path = (*at, key)
        if path in _HEAD or (at == ("metadata",) and key in _SERVER):
            continue
        if not at and (key == "status") != (subresource == "status"):
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, subresource, path)
        else:
            yield path, value


def _empty(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k in ("name", "namespace")}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata}


def _value(obj: Any, path: Path) -> Any:
    for key in path:
        obj = obj.get(key) if isinstance(obj, Mapping) else None
    return obj


def _set(obj: Manifest, path: Path, value: Any) -> None:
    for key in path[:-1]:
        obj = obj.setdefault(key, {})
    obj[path[-1]] = value


def _drop(obj: Manifest, path: Path) -> None:
    for key in path[:-1]:
        obj = obj.get(key, {})
    obj.pop(path[-1], None)


def _managed_fields(owners: Mapping[Holder, set[Path]]) -> Iterator[Manifest]:
    for (manager, operation, subresource), paths in owners.items():
        if not paths:
            continue
        fields: Manifest = {}
        for path in sorted(paths):
            _set(fields, tuple(f"f:{key}" for key in path), {})
        entry = {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}
        yield {**entry, "subresource": subresource} if subresource else entry


def eco_domain(
    name: str = "scan",
    *,
    namespace: str = NAMESPACE,
    uid: str = DOMAIN_UID,
    annotations: Mapping[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    """An EcoDomain as a user writes it."""
    metadata: Manifest = {"name": name, "namespace": namespace, "uid": uid, "generation": 1, "resourceVersion": "1"}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {
        "apiVersion": API_VERSION,
        "kind": ECO_DOMAIN.name,
        "metadata": metadata,
        "spec": {"image": "eco2:scan-1.0.6", "port": 8000, **spec},
    }


def child(kind: Kind, name: str = "scan", *, spec: Mapping[str, Any] | None = None, **metadata: Any) -> Manifest:
    """A child of the EcoDomain ``scan``, as a builder makes it."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "eco2-operator", "app.kubernetes.io/name": "scan"},
            "ownerReferences": [owner_reference(KEY, DOMAIN_UID)],
            **metadata,
        },
        **({} if spec is None else {"spec": dict(spec)}),
    }
