"""EcoIngresses as the builders see them, and their surroundings, without a cluster."""

from collections.abc import Collection, Iterable
from typing import Any

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.build.entrance import guard
from eco2_operator.build.entrance.context import Admission, Entrance, EntranceContext, GatewayContext, Target
from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import API_VERSION

Json = dict[str, Any]
HOST = "api.example.org"
JWT = {"issuer": "https://api.example.org", "jwksUri": "http://auth.auth.svc.cluster.local/.well-known/jwks.json"}
SELECTOR = {"istio": "ingressgateway"}


def asked(path: str, **more: Any) -> Json:
    """A route that needs a token."""
    return {"path": path, "domain": {"name": "scan", "namespace": "scan"}, **more}


def public(path: str, **more: Any) -> Json:
    """A route that needs none."""
    return asked(path, public=True, **more)


def denied(path: str) -> Json:
    """A route that refuses everything."""
    return {"path": path, "deny": True}


def entrance(*routes: Json, name: str = "api", namespace: str = "platform-system", **spec: Any) -> Entrance:
    """An EcoIngress; with one route that needs a token where none is given."""
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-of-{namespace}-{name}"}
    content = {"hosts": [HOST], "routes": list(routes) or [asked("/")], **spec}
    obj = {"apiVersion": API_VERSION, "kind": ECO_INGRESS.name, "metadata": metadata, "spec": content}
    return parse(obj, EcoIngressSpec)


def context(one: Entrance) -> EntranceContext:
    """It has all its hosts, and every domain is there."""
    targets = {
        route.path: Target(route.domain.namespace or one.namespace, route.domain.name, 80, "/health")
        for route in one.spec.routes
        if route.domain is not None
    }
    nothing = PodSelector("kube-system", {})
    cluster = Cluster((), {}, nothing, nothing, "prometheus", ())
    return EntranceContext(cluster, tuple(one.spec.hosts), targets)


def gateway_context(entrances: Iterable[Entrance], waiting: Collection[Entrance] = ()) -> GatewayContext:
    """A gateway that all of these use.

    Args:
        waiting: those whose policies are not in place.
    """
    return GatewayContext("istio-ingress", SELECTOR, tuple(admission(one, one in waiting) for one in entrances))


def admission(one: Entrance, waits: bool = False) -> Admission:
    """What the gateway is to say of an entrance when its policies are in place."""
    hosts = tuple(one.spec.hosts)
    return Admission(one, hosts, frozenset(() if waits else (guard.entry(one, hosts),)))
