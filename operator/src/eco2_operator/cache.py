"""What the operator knows of the cluster, fed by watches and by the answers to its own writes. No IO.

Objects are kept as compact JSON and parsed when asked for: a Deployment takes about 5 KiB this way, a multiple as
Python dicts. What is kept of each kind: `slim`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from eco2_operator.build.references import read_by
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, POD, REPLICA_SET, Kind
from eco2_operator.naming import OWNER_ANNOTATION, Key, Manifest, Ref, owner_key
from eco2_operator.slim import Digest, slim

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


Place = tuple[str, ...]
"""A namespace and a name, a namespace and the label of a domain, or a host."""


class Cache:
    """Objects by reference, with the indices the reconcilers need.

    Args:
        digest: what is kept of a Secret's value. By default nothing.
    """

    def __init__(self, digest: Digest = lambda name, value: "") -> None:
        self._digest = digest
        self._entries: dict[Ref, _Entry] = {}
        self._kinds: dict[tuple[str, str], set[Ref]] = {}
        self._owned: dict[Key, set[Ref]] = {}
        self._domains: dict[Place, set[Ref]] = {}
        self._readers: dict[Place, set[Ref]] = {}
        self._acquainted: dict[Place, set[Ref]] = {}
        self._claimants: dict[Place, set[Ref]] = {}
        self._routers: dict[Place, set[Ref]] = {}
        self.served: frozenset[str] = frozenset()
        """Names of the optional kinds that the cluster serves."""

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
        entry = _Entry(version, uid, _owner(ref, obj), orjson.dumps(slim(ref, obj, self._digest)))
        self._entries[ref] = entry
        self._kinds.setdefault((ref.group, ref.kind), set()).add(ref)
        if entry.owner is not None:
            self._owned.setdefault(entry.owner, set()).add(ref)
        for index, places in self._indices(ref, obj):
            for place in places:
                index.setdefault(place, set()).add(ref)
        return Change.NEW if known is None else Change.CHANGED

    def put_answer(self, before: Mapping[str, Any], written: Mapping[str, Any]) -> None:
        """Store the answer to our own write to a resource of ours, if it shows the resource that we reconciled.

        Another one the cache must learn from the watch: an event that looks old would tell nobody, neither us nor its
        peers. And the watch may have told already that it is gone.
        """
        old, new = before["metadata"], written["metadata"]
        if self.uid(Ref.of(written)) == new["uid"] and all(
            old.get(name) == new.get(name) for name in ("generation", "annotations", "deletionTimestamp")
        ):
            self.put(written)

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

    def readers(self, namespace: str, secret: str) -> list[Key]:
        """The domains that read a Secret, or would if it existed."""
        return _keys(self._readers.get((namespace, secret), ()))

    def acquainted(self, namespace: str, label: str) -> list[Key]:
        """The domains whose access rules name a domain."""
        return _keys(self._acquainted.get((namespace, label), ()))

    def claimants(self, host: str) -> list[Key]:
        """The EcoIngresses that want a host, or one that a wildcard might cover together with it."""
        return _keys(self._claimants.get((_site(host),), ()))

    def routers(self, namespace: str, name: str) -> list[Key]:
        """The EcoIngresses that route to an EcoDomain, or would if it existed."""
        return _keys(self._routers.get((namespace, name), ()))

    def domains_in(self, namespace: str) -> list[Key]:
        """Every EcoDomain of a namespace."""
        return _keys(
            ref for ref in self._kinds.get((ECO_DOMAIN.group, ECO_DOMAIN.name), ()) if ref.namespace == namespace
        )

    def __len__(self) -> int:
        return len(self._entries)

    def _unindex(self, ref: Ref, entry: _Entry) -> None:
        if entry.owner is not None:
            refs = self._owned[entry.owner]
            refs.discard(ref)
            if not refs:
                del self._owned[entry.owner]
        if ref.group == ECO_DOMAIN.group:
            for index, places in self._indices(ref, orjson.loads(entry.data)):
                for place in places:
                    index[place].discard(ref)
                    if not index[place]:
                        del index[place]

    def _indices(self, ref: Ref, obj: Mapping[str, Any]) -> Iterator[tuple[dict[Place, set[Ref]], Collection[Place]]]:
        """Where a resource of ours can be looked up besides its name.

        A domain by its label, by the Secrets it reads and by the domains its rules name; an EcoIngress by its hosts and
        by the domains it routes to.
        """
        spec = obj.get("spec") or {}
        if _is_a(ECO_DOMAIN, ref):
            yield self._domains, [(ref.namespace, domain_label(obj))]
            yield self._readers, {(ref.namespace, name) for name in read_by(spec)}
            yield self._acquainted, _named_peers(ref.namespace, spec)
        elif _is_a(ECO_INGRESS, ref):
            yield self._claimants, {(_site(host),) for host in spec.get("hosts") or ()}
            yield self._routers, routed_domains(obj)


def _keys(refs: Iterable[Ref]) -> list[Key]:
    return [Key(ref.kind, ref.namespace, ref.name) for ref in sorted(refs)]


def _named_peers(namespace: str, spec: Mapping[str, Any]) -> set[Place]:
    access = spec.get("access") or {}
    rules = (*(access.get("inbound") or ()), *(access.get("outbound") or ()))
    return {(rule.get("namespace") or namespace, rule["domain"]) for rule in rules if rule.get("domain")}


def domain_label(obj: Mapping[str, Any]) -> str:
    """The value of the `domain` label an EcoDomain gives its pods."""
    return str((obj.get("spec") or {}).get("domain") or obj["metadata"]["name"])


def _site(host: str) -> str:
    """What a host has in common with all that may clash with it: a wildcard covers hosts that look different."""
    return host.rpartition(".")[2]


def routed_domains(ingress: Mapping[str, Any]) -> set[Place]:
    """(namespace, name) of every EcoDomain the routes of an EcoIngress name."""
    own = ingress["metadata"]["namespace"]
    targets = [route["domain"] for route in (ingress.get("spec") or {}).get("routes") or () if route.get("domain")]
    return {(target.get("namespace") or own, target["name"]) for target in targets}


def _is_a(kind: Kind, ref: Ref) -> bool:
    return (ref.group, ref.kind) == (kind.group, kind.name)


def newer(version: str, known: str) -> bool:
    """Whether a resourceVersion comes after another of the same object.

    They are opaque in general, but comparable as numbers on every API server since 1.35 (KEP-5504); where they are
    not numbers, the last one that came in counts.
    """
    if version.isdigit() and known.isdigit():
        return int(version) > int(known)
    return version != known


def _owner(ref: Ref, obj: Mapping[str, Any]) -> Key | None:
    """Pods and ReplicaSets belong to a Deployment; its resource is named by their label.

    Pods of a Job name their resource in an annotation.
    """
    annotated = OWNER_ANNOTATION in (obj["metadata"].get("annotations") or {})
    if ref.kind in (POD.name, REPLICA_SET.name) and not annotated:
        name = (obj["metadata"].get("labels") or {}).get(NAME_LABEL)
        return Key(ECO_DOMAIN.name, ref.namespace, name) if name else None
    return owner_key(obj)
