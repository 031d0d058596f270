"""Laws of the Ingresses for an ALB: the longest route answers, and a refused path is refused while they are written.
Rules are ordered and matched as the AWS Load Balancer Controller and its load balancer do it."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.build.entrance import load_balancer
from eco2_operator.build.entrance.context import EntranceContext, Target, Unresolved
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import Manifest, Ref

EXAMPLES = settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALB = "alb.ingress.kubernetes.io/"
OWN = "platform-system"
HOSTS = ["api.example.org", "*.example.net"]
CLUSTER = Cluster(
    cluster_cidrs=(),
    store_ports={},
    dns=PodSelector("kube-system", {}),
    gateway=PodSelector("istio-ingress", {}),
    prometheus_namespace="prometheus",
    entrance_namespaces=(),
)
SEGMENTS = ["a", "b", "ab", "a.b", "aa"]
PATHS = st.lists(st.sampled_from(SEGMENTS), max_size=4).map(lambda parts: "/" + "/".join(parts))
BACKENDS = st.one_of(
    st.builds(
        Target,
        namespace=st.sampled_from([OWN, "scan", "chat"]),
        service=st.sampled_from(["one", "two"]),
        port=st.sampled_from([80, 8000]),
        health_path=st.sampled_from(["/ready", "/health"]),
    ),
    st.just(Unresolved("DomainMissing", "there is none")),
    st.none(),
)
"""None is a denied route."""
ROUTES = st.dictionaries(PATHS, BACKENDS, min_size=1, max_size=12)
Backends = Mapping[str, Target | Unresolved | None]
Answer = tuple[str, str, int] | int | None
"""Namespace, Service and port; or the status of a fixed response; or nothing matched."""


def made(routes: Backends, order: int | None = None) -> list[Manifest]:
    spec: dict[str, Any] = {"provider": "alb", "hosts": HOSTS, "alb": {"target": "domain"}}
    if order is not None:
        spec["alb"]["groupOrder"] = order
    spec["routes"] = [
        {"path": path, "deny": True} if backend is None else {"path": path, "domain": {"name": "any"}, "public": True}
        for path, backend in routes.items()
    ]
    entrance = parse(
        {"kind": "EcoIngress", "metadata": {"name": "api", "namespace": OWN, "uid": "1"}, "spec": spec}, EcoIngressSpec
    )
    targets = {path: backend for path, backend in routes.items() if backend is not None}
    ctx = EntranceContext(cluster=CLUSTER, hosts=tuple(HOSTS), targets=targets)
    return load_balancer.build(entrance, ctx)


def place(ingress: Manifest) -> tuple[int, str]:
    metadata = ingress["metadata"]
    order = int(metadata["annotations"].get(f"{ALB}group.order", "0"))
    return order, f"{metadata['namespace']}/{metadata['name']}"


def answered(ingresses: Iterable[Manifest], host: str, path: str) -> Answer:
    """What the load balancer does with a request."""
    for ingress in sorted(ingresses, key=place):
        for rule in ingress["spec"]["rules"]:
            for entry in sorted(rule["http"]["paths"], key=lambda entry: -len(entry["path"])):
                prefix = entry["path"]
                patterns = ["/*"] if prefix == "/" else [prefix, f"{prefix}/*"]
                if fnmatchcase(host, rule["host"]) and any(fnmatchcase(path, pattern) for pattern in patterns):
                    return action(ingress, entry["backend"]["service"])
    return None


def action(ingress: Manifest, service: Mapping[str, Any]) -> Answer:
    metadata = ingress["metadata"]
    if service["port"].get("name") != "use-annotation":
        return metadata["namespace"], service["name"], service["port"]["number"]
    found = json.loads(metadata["annotations"][f"{ALB}actions.{service['name']}"])
    assert found["type"] == "fixed-response"
    return int(found["fixedResponseConfig"]["statusCode"])


def right(routes: Backends, path: str) -> Answer:
    """The answer of the longest route, by comparing segments."""
    parts = path.strip("/").split("/")
    matching = [route for route in routes if route == "/" or parts[: route.count("/")] == route.strip("/").split("/")]
    if not matching:
        return None
    backend = routes[max(matching, key=len)]
    if backend is None:
        return 403
    return 503 if isinstance(backend, Unresolved) else (backend.namespace, backend.service, backend.port)


def requests(routes: Backends) -> list[str]:
    found = {"/", "/zz"}
    for path in routes:
        found |= {path, f"{path.rstrip('/')}/zz", f"{path}z", f"{path.rstrip('/')}/a/b", f"{path.rstrip('/')}/"}
    return sorted(found)


@EXAMPLES
@given(ROUTES, st.integers(-937, 1000) | st.none())
def test_the_longest_route_answers_whatever_the_namespaces(routes: Backends, order: int | None) -> None:
    ingresses = made(routes, order)
    for host in ("api.example.org", "any.example.net"):
        for path in requests(routes):
            assert answered(ingresses, host, path) == right(routes, path), path
    assert all(answered(ingresses, "other.example.org", path) is None for path in routes)


@EXAMPLES
@given(ROUTES, st.integers(-937, 1000))
def test_the_ingresses_are_one_group_and_each_asks_the_right_health_path(routes: Backends, order: int) -> None:
    ingresses = made(routes, order)
    assert len({Ref.of(ingress) for ingress in ingresses}) == len(ingresses)
    assert {ingress["metadata"]["annotations"][f"{ALB}group.name"] for ingress in ingresses} == {f"{OWN}-api"}
    assert all(-1000 <= place(ingress)[0] <= order for ingress in ingresses)
    for ingress in ingresses:
        for entry in ingress["spec"]["rules"][0]["http"]["paths"]:
            backend = routes[entry["path"]]
            if isinstance(backend, Target):
                annotations = ingress["metadata"]["annotations"]
                assert ingress["metadata"]["namespace"] == backend.namespace
                assert annotations[f"{ALB}healthcheck-path"] == backend.health_path


@EXAMPLES
@given(ROUTES, st.randoms(use_true_random=False))
def test_the_order_of_the_file_means_nothing(routes: Backends, chance: Random) -> None:
    turned = list(routes.items())
    chance.shuffle(turned)
    assert made(dict(turned)) == made(routes)


@EXAMPLES
@given(ROUTES)
def test_while_they_are_made_a_path_is_answered_rightly_or_not_at_all(routes: Backends) -> None:
    there: dict[Ref, Manifest] = {}
    for ingress in made(routes):
        there[Ref.of(ingress)] = ingress
        for path in requests(routes):
            assert answered(there.values(), HOSTS[0], path) in (None, right(routes, path))


@EXAMPLES
@given(ROUTES, ROUTES)
def test_while_routes_are_added_what_is_refused_stays_refused(before: Backends, added: Backends) -> None:
    after = {**added, **before}
    there = {Ref.of(ingress): ingress for ingress in made(before)}
    paths = [p for p in requests(after) if right(before, p) in (403, 503) and right(after, p) in (403, 503)]
    for ingress in made(after):
        there[Ref.of(ingress)] = ingress
        for path in paths:
            assert answered(there.values(), HOSTS[0], path) in (403, 503), path


def test_the_longest_chain_of_routes_stays_inside_the_orders_of_the_controller() -> None:
    paths = ["/" + "/".join(["a"] * length) for length in range(62)]
    routes = {path: Target("scan" if n % 2 else "chat", "one", 80, "/ready") for n, path in enumerate(paths)}
    routes = {**routes, paths[-1] + "/b": Target("my", "one", 80, "/ready")}
    ingresses = made(routes, -937)
    assert len({place(ingress)[0] for ingress in ingresses}) == len(routes)
    assert min(place(ingress) for ingress in ingresses)[0] >= -1000
