"""EcoIngresses as the operator's builders render them, without an operator."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.build.entrance import envoy_filter, guard
from eco2_operator.build.entrance.context import (
    Admission,
    Entrance,
    EntranceContext,
    GatewayContext,
    Target,
    Unresolved,
)
from eco2_operator.build.entrance.names import entrance_id
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    ECO_INGRESS,
    ENVOY_FILTER,
    GATEWAY,
    REQUEST_AUTHENTICATION,
    VIRTUAL_SERVICE,
)
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import API_VERSION
from eco2_operator.plan import plan_entrance
from support.api import Api, Object

NAMESPACE: Final = "platform-system"
"""Of the EcoIngresses."""
SELECTOR: Final = {"istio": "ingressgateway"}
CLUSTER: Final = Cluster(
    cluster_cidrs=("10.0.0.0/8",),
    store_ports={},
    dns=PodSelector("kube-system", {"k8s-app": "kube-dns"}),
    gateway=PodSelector("istio-ingress", SELECTOR),
    prometheus_namespace="prometheus",
    entrance_namespaces=(NAMESPACE, "istio-ingress"),
)
KINDS: Final = {
    kind.name: kind for kind in (GATEWAY, REQUEST_AUTHENTICATION, AUTHORIZATION_POLICY, ENVOY_FILTER, VIRTUAL_SERVICE)
}
MANAGER: Final = "eco2-operator"
LOST: Final = "lost"
"""A domain that does not exist."""


def ingress(name: str, *, namespace: str = NAMESPACE, **spec: Any) -> Object:
    """An EcoIngress."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": ECO_INGRESS.name, "metadata": metadata, "spec": spec}


def route(path: str, domain: str = "", **options: Any) -> Object:
    """A route to the domain that is alone in the namespace of its name; without a domain one that is denied."""
    target = {"domain": {"name": domain, "namespace": domain}} if domain else {"deny": True}
    return {"path": path, **target, **options}


def parsed(manifest: Object) -> Entrance:
    """An EcoIngress as builders see it."""
    return parse(manifest, EcoIngressSpec)


def id_of(manifest: Object) -> str:
    """By which the gateway knows it."""
    return entrance_id(parsed(manifest))


def rendered(*manifests: Object, trusted_hops: int = 0) -> list[Object]:
    """All objects of the EcoIngresses of one gateway, routes last.

    Args:
        trusted_hops: proxies in front of the gateway.
    """
    entrances = [(parsed(manifest), context(manifest)) for manifest in manifests]
    plans = [plan_entrance(entrance, ctx) for entrance, ctx in entrances]
    admissions = tuple(
        Admission(entrance, ctx.hosts, frozenset({guard.entry(entrance, ctx.hosts)})) for entrance, ctx in entrances
    )
    shared = envoy_filter.build(GatewayContext("istio-ingress", SELECTOR, admissions, trusted_hops))
    objects = [child for plan in plans for child in plan.guards.children]
    objects += [shared] if shared is not None else []
    return [*objects, *(child for plan in plans for child in plan.routes.children)]


def context(manifest: Object) -> EntranceContext:
    """Every host is its own, and every domain is there but `LOST`."""
    targets = {
        each["path"]: _target(each["domain"]) for each in manifest["spec"]["routes"] if each.get("domain") is not None
    }
    return EntranceContext(cluster=CLUSTER, hosts=tuple(manifest["spec"]["hosts"]), targets=targets)


def apply(api: Api, objects: Iterable[Object]) -> None:
    """Write objects as the operator would."""
    for each in objects:
        api.apply(KINDS[each["kind"]], each, manager=MANAGER, force=True)


def remove(api: Api, objects: Iterable[Object], *, but: Iterable[Object] = ()) -> None:
    """Delete objects in reverse, but for those that are among others."""
    kept = {_place(each) for each in but}
    for each in reversed(list(objects)):
        if _place(each) not in kept:
            api.delete(KINDS[each["kind"]], each["metadata"]["namespace"], each["metadata"]["name"])


def _place(obj: Object) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"]


def _target(domain: Mapping[str, str]) -> Target | Unresolved:
    if domain["name"] == LOST:
        return Unresolved("DomainMissing", "there is none")
    return Target(namespace=domain["namespace"], service=domain["name"], port=80, health_path="/health/ready")
