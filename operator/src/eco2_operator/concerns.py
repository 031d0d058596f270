"""Which resources a change in the cluster concerns: they are reconciled anew. No IO; reads the cache.

A pod concerns its domain only while it shows a trouble, and when it runs without being ready or ceases to; a domain
concerns those whose rules name it and the EcoIngresses that route to it; an EcoIngress those who want its hosts, and
its gateway.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from eco2_operator.build.entrance.names import gateway_key
from eco2_operator.cache import Cache, domain_label
from eco2_operator.claims import Scope, scope_of
from eco2_operator.gather import alb_targets
from eco2_operator.kinds import (
    ECO_DOMAIN,
    ECO_INGRESS,
    ECO_SECRET_BINDING,
    NAMESPACE,
    OBSERVED,
    POD,
    REPLICA_SET,
    RESOURCES,
    SECRET,
    Kind,
)
from eco2_operator.naming import Key, Ref
from eco2_operator.slim import slim_pod
from eco2_operator.status.pods import trouble, unready

Object = Mapping[str, Any] | None
COMPARED: Final = (POD, REPLICA_SET, NAMESPACE, *RESOURCES)
"""Kinds of which it matters what they were before."""


def by_change(cache: Cache, kind: Kind, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterable[Key]:
    """Whom an object concerns that is new or another; the cache knows it already."""
    return _BY_KIND.get(kind, _child)(cache, ref, before, obj)


def by_removal(cache: Cache, kind: Kind, ref: Ref, before: Object, owner: Key | None) -> Iterator[Key]:
    """Whom it concerns that an object is gone, or lost the label we watch by; the cache has forgotten it already."""
    if kind is ECO_DOMAIN:
        yield _key(ref)
        yield from cache.acquainted(ref.namespace, domain_label(before or {"metadata": {"name": ref.name}}))
        yield from cache.routers(ref.namespace, ref.name)
    elif kind is ECO_INGRESS:
        yield _key(ref)
        yield from _alb_targets(before)
        yield from _rivals(cache, before)
        yield from _gateways(before)
    elif kind not in OBSERVED:
        if kind is ECO_SECRET_BINDING:
            yield _key(ref)
        if owner is not None:
            yield owner
        if kind in (ECO_SECRET_BINDING, SECRET):
            yield from cache.readers(ref.namespace, ref.name)


def _domain(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterator[Key]:
    yield _key(ref)
    if _presented(before) != _presented(obj):
        for label in {domain_label(obj), domain_label(before or obj)}:
            yield from cache.acquainted(ref.namespace, label)
    if _served(before) != _served(obj):
        yield from cache.routers(ref.namespace, ref.name)


def _ingress(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterator[Key]:
    yield _key(ref)
    if _asked(before) == _asked(obj):  # its status
        return
    yield from _alb_targets(before, obj)
    yield from _gateways(before, obj)
    if _claimed(before) != _claimed(obj):
        yield from _rivals(cache, before, obj)


def _binding(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterator[Key]:
    yield _key(ref)
    yield from cache.readers(ref.namespace, ref.name)


def _namespace(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterable[Key]:
    same = before is not None and before["metadata"].get("labels") == obj["metadata"].get("labels")
    return () if same else cache.domains_in(ref.name)


def _secret(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterator[Key]:
    yield from _owner(cache, ref)
    yield from cache.readers(ref.namespace, ref.name)


def _pod(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterable[Key]:
    now, former = slim_pod(obj), before or {}
    ill = any(pod and trouble(pod) is not None for pod in (now, former))
    return _owner(cache, ref) if ill or unready(now) != (unready(former) if former else None) else ()


def _replica_set(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterable[Key]:
    return _owner(cache, ref) if _refused(obj) or _refused(before) else ()


def _child(cache: Cache, ref: Ref, before: Object, obj: Mapping[str, Any]) -> Iterable[Key]:
    return _owner(cache, ref)


_BY_KIND: Final = {
    ECO_DOMAIN: _domain,
    ECO_INGRESS: _ingress,
    ECO_SECRET_BINDING: _binding,
    NAMESPACE: _namespace,
    SECRET: _secret,
    POD: _pod,
    REPLICA_SET: _replica_set,
}


def _key(ref: Ref) -> Key:
    return Key(ref.kind, ref.namespace, ref.name)


def _owner(cache: Cache, ref: Ref) -> Iterable[Key]:
    owner = cache.owner(ref)
    return () if owner is None else (owner,)


def _alb_targets(*ingresses: Object) -> Iterator[Key]:
    for ingress in ingresses:
        for namespace, name in alb_targets(ingress or {}):
            yield Key(ECO_DOMAIN.name, namespace, name)


def _gateways(*ingresses: Object) -> Iterator[Key]:
    """What the entrances of a gateway share is made of all of them."""
    scopes = {scope_of(ingress["spec"]) for ingress in ingresses if ingress is not None and ingress.get("spec")}
    for scope in sorted(scopes - {Scope()}, key=lambda scope: (scope.namespace, scope.selector)):
        yield gateway_key(scope.namespace, dict(scope.selector))


def _rivals(cache: Cache, *ingresses: Object) -> Iterator[Key]:
    """Whoever wants a host that an EcoIngress has, had or wants."""
    hosts = {host for ingress in ingresses for host in ((ingress or {}).get("spec") or {}).get("hosts") or ()}
    for host in sorted(hosts):
        yield from cache.claimants(host)


def _asked(ingress: Object) -> Any:
    """What a user says of an EcoIngress."""
    metadata = (ingress or {}).get("metadata") or {}
    said = ("uid", "annotations", "deletionTimestamp")
    return (ingress or {}).get("spec"), *(metadata.get(name) for name in said)


def _claimed(ingress: Object) -> Any:
    """What decides about hosts."""
    if ingress is None or not ingress.get("spec"):
        return None
    metadata, spec = ingress["metadata"], ingress["spec"]
    return metadata.get("uid"), scope_of(spec), set(spec.get("hosts") or ())


def _served(domain: Object) -> Any:
    """What the routes to a domain depend on: its ports, where it says that it is ready, and whom it admits."""
    if domain is None:
        return None
    spec = domain.get("spec") or {}
    fields = ("workload", "port", "ports")
    readiness = (spec.get("health") or {}).get("readinessPath")
    return *(spec.get(name) for name in fields), readiness, (spec.get("access") or {}).get("ingress")


def _presented(domain: Object) -> Any:
    """What other domains' rules depend on: a domain's label, its tier, and whom it lets in."""
    if domain is None:
        return None
    spec = domain.get("spec") or {}
    return domain_label(domain), spec.get("tier"), (spec.get("access") or {}).get("inbound")


def _refused(replica_set: Object) -> bool:
    """Whether a ReplicaSet cannot create its pods."""
    conditions = ((replica_set or {}).get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "ReplicaFailure" and c.get("status") == "True" for c in conditions)
