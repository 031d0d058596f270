"""What the golden cases of the load balancer do not say: what stays the same when something changes."""

from typing import Any

import pytest

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.build.entrance import load_balancer
from eco2_operator.build.entrance.context import EntranceContext, Target
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest

CLUSTER = Cluster(
    cluster_cidrs=(),
    store_ports={},
    dns=PodSelector("kube-system", {}),
    gateway=PodSelector("istio-ingress", {}),
    prometheus_namespace="prometheus",
    entrance_namespaces=(),
)
TARGETS = {
    "/": Target("web", "web", 80, "/ready"),
    "/api": Target("info", "info", 80, "/ready"),
    "/api/v2": Target("web", "web", 80, "/health"),
}


def made(*paths: str, denied: tuple[str, ...] = (), **alb: Any) -> dict[str, Manifest]:
    """The Ingresses by namespace and name."""
    routes = [{"path": path, "domain": {"name": "a"}, "public": True} for path in paths]
    spec = {
        "provider": "alb",
        "hosts": ["api.example.org"],
        "routes": [*routes, *({"path": path, "deny": True} for path in denied)],
        "alb": {"target": "domain", **alb},
    }
    entrance = parse(
        {"kind": "EcoIngress", "metadata": {"name": "api", "namespace": "ns"}, "spec": spec}, EcoIngressSpec
    )
    ctx = EntranceContext(cluster=CLUSTER, hosts=("api.example.org",), targets=TARGETS)
    built = load_balancer.build(entrance, ctx)
    return {f"{i['metadata']['namespace']}/{i['metadata']['name']}": i for i in built}


def annotation(ingress: Manifest, name: str) -> str | None:
    found: str | None = ingress["metadata"]["annotations"].get(f"alb.ingress.kubernetes.io/{name}")
    return found


def test_a_longer_route_leaves_the_ingresses_of_the_others_alone() -> None:
    before = made("/", denied=("/api",))
    after = made("/", "/api/v2", denied=("/api",))
    assert before.items() <= after.items()
    assert annotation(after["web/ns-api-2"], "group.order") == "-2"


def test_an_ingress_that_gets_company_stays_in_its_group() -> None:
    alone, together = made("/"), made("/", "/api")
    assert annotation(alone["web/ns-api"], "group.name") == "ns-api"
    assert alone.items() <= together.items()


@pytest.mark.parametrize(("order", "expected"), [(None, (None, "-1")), (1, ("1", None)), (-937, ("-937", "-938"))])
def test_places_are_counted_down_from_the_users(order: int | None, expected: tuple[str | None, str | None]) -> None:
    settings: dict[str, Any] = {} if order is None else {"groupOrder": order}
    both = made("/", "/api", **settings)
    found = tuple(annotation(both[name], "group.order") for name in ("web/ns-api", "info/ns-api"))
    assert found == expected


def test_refusals_keep_their_name_when_others_come_above_them() -> None:
    before = made(denied=("/api", "/b"))
    after = made("/", "/api", denied=("/api/x", "/b", "/c"))
    assert list(before) == ["ns/api-fixed"]
    assert list(after) == ["ns/api-fixed-3", "info/ns-api", "ns/api-fixed-2", "web/ns-api"]
