"""What builders are told about the surroundings of a domain."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, child, eco_domain

from eco2_operator.build.context import Peer
from eco2_operator.build.entrance.context import Admission, Entrance, Target
from eco2_operator.cache import Cache
from eco2_operator.claims import Scope
from eco2_operator.gather import (
    alb_targets,
    domain_context,
    entrance_context,
    gateway_context,
    ignored_secrets,
    known_node_ports,
    service_node_ports,
    stale_bindings,
)
from eco2_operator.kinds import SERVICE
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.ingress import EcoIngressSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import API_VERSION, Key, child_name
from eco2_operator.settings import Settings

CLUSTER = Settings.model_construct().cluster


def parsed(**spec: Any) -> Resource[EcoDomainSpec]:
    return parse(eco_domain(**spec), EcoDomainSpec)


def cache_of(*objects: Any) -> Cache:
    cache = Cache()
    for obj in objects:
        cache.put(obj)
    return cache


def service(*ports: dict[str, Any], name: str = "scan") -> dict[str, Any]:
    return child(SERVICE, name, spec={"ports": list(ports)}, uid="u", resourceVersion="1")


def ingress(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "front", "namespace": "gate", "uid": "f", "resourceVersion": "1"}
    return {"apiVersion": API_VERSION, "kind": "EcoIngress", "metadata": metadata, "spec": spec}


def test_in_an_empty_cluster_nothing_is_known() -> None:
    ctx = domain_context(parsed(), Cache(), CLUSTER)
    assert (ctx.node_ports, ctx.routed_by_alb, ctx.peers) == ({}, False, {})
    assert ctx.cluster is CLUSTER


def test_node_ports_are_known_by_the_name_of_the_container_port() -> None:
    ports = service({"name": "http", "targetPort": "main", "nodePort": 30001}, {"targetPort": 9000, "nodePort": 30002})
    assert service_node_ports(ports) == {"main": 30001, "9000": 30002}
    assert service_node_ports(service({"targetPort": "main"})) == {}
    assert service_node_ports({}) == {}
    assert service_node_ports({"spec": {"ports": None}}) == {}


def test_node_ports_outlive_the_service_in_the_status_and_the_live_ones_win() -> None:
    domain = eco_domain()
    domain["status"] = {"nodePorts": {"http": 30001, "grpc": 30002}}
    assert known_node_ports(parsed(), cache_of(domain)) == {"http": 30001, "grpc": 30002}
    live = service({"targetPort": "http", "nodePort": 31000})
    assert known_node_ports(parsed(), cache_of(domain, live)) == {"http": 31000, "grpc": 30002}


def test_the_children_of_a_domain_with_a_long_name_are_found() -> None:
    name = "s" * 63
    live = service({"targetPort": "http", "nodePort": 31000}, name=child_name(name))
    assert known_node_ports(parse(eco_domain(name), EcoDomainSpec), cache_of(live)) == {"http": 31000}


def test_known_peers_are_found_by_their_label() -> None:
    outbound = [{"domain": "vision"}, {"domain": "chat", "namespace": "talk"}, {"domain": "unknown"}, {"data": "redis"}]
    cache = cache_of(
        eco_domain("ml", uid="1", domain="vision", tier="data"),
        eco_domain(
            "chat", uid="2", namespace="talk", access={"inbound": [{"domain": "a"}, {"domain": "b", "namespace": "c"}]}
        ),
        eco_domain("chat", uid="3", tier="data"),
    )
    inbound = [{"domain": "chat"}]
    ctx = domain_context(parsed(access={"outbound": outbound, "inbound": inbound}), cache, CLUSTER)
    assert ctx.peers == {
        (NAMESPACE, "vision"): Peer("data", "ml"),
        ("talk", "chat"): Peer("business-logic", "chat", frozenset({("talk", "a"), ("c", "b")})),
        (NAMESPACE, "chat"): Peer("data", "chat"),
    }


@pytest.mark.parametrize("access", [{}, {"outbound": []}])
def test_without_rules_no_peer_is_looked_up(access: dict[str, Any]) -> None:
    assert domain_context(parsed(access=access), cache_of(eco_domain("chat", uid="2")), CLUSTER).peers == {}


ROUTES = [
    {"path": "/a", "domain": {"name": "scan", "namespace": NAMESPACE}},
    {"path": "/b", "domain": {"name": "own"}},
    {"path": "/c", "deny": True},
]


def test_an_alb_targets_the_domains_of_its_routes() -> None:
    routed = ingress(provider="alb", alb={"target": "domain"}, routes=ROUTES)
    assert alb_targets(routed) == {(NAMESPACE, "scan"), ("gate", "own")}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"provider": "istio", "alb": {"target": "domain"}, "routes": ROUTES},
        {"provider": "alb", "alb": {"target": "gateway"}, "routes": ROUTES},
        {"provider": "alb", "routes": ROUTES},
        {"provider": "alb", "alb": {"target": "domain"}, "routes": None},
    ],
)
def test_other_ingresses_target_no_domain(spec: dict[str, Any]) -> None:
    assert alb_targets(ingress(**spec)) == set()
    assert domain_context(parsed(), cache_of(ingress(**spec)), CLUSTER).routed_by_alb is False


def test_a_domain_knows_that_an_alb_routes_to_it() -> None:
    cache = cache_of(ingress(provider="alb", alb={"target": "domain"}, routes=ROUTES))
    assert domain_context(parsed(), cache, CLUSTER).routed_by_alb is True
    other = parse(eco_domain("chat"), EcoDomainSpec)
    assert domain_context(other, cache, CLUSTER).routed_by_alb is False


def namespace(**labels: str) -> dict[str, Any]:
    metadata = {"name": NAMESPACE, "uid": "n", "resourceVersion": "1", "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, False),
        ({"istio-injection": "enabled"}, True),
        ({"istio-injection": "disabled"}, False),
        ({"istio.io/rev": "stable"}, True),
        ({"istio.io/rev": ""}, False),
        ({"istio-injection": "disabled", "istio.io/rev": "stable"}, False),
        ({"istio-injection": "enabled", "istio.io/rev": "stable"}, True),
    ],
)
def test_pods_get_a_sidecar_where_the_namespace_says_so(labels: dict[str, str], *, expected: bool) -> None:
    assert domain_context(parsed(), cache_of(namespace(**labels)), CLUSTER).meshed is expected


def test_a_namespace_that_is_not_known_is_not_meshed() -> None:
    assert domain_context(parsed(), Cache(), CLUSTER).meshed is False


def binding(name: str = "database", *, synced: str = "True", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": "1"}
    conditions = [{"type": "Synced", "status": synced, "message": "no parameter /a: create it"}]
    status = {"conditions": conditions if synced else []}
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoSecretBinding",
        "metadata": metadata,
        "spec": {"keys": [], **spec},
        "status": status,
    }


USES = {"secrets": [{"name": "database"}, {"name": "unbound"}]}


def test_secrets_whose_binding_says_so_replace_no_pods() -> None:
    other = binding("other", rotation="ignore")
    assert ignored_secrets(parsed(**USES), cache_of(binding(rotation="ignore"), other)) == {"database"}
    assert ignored_secrets(parsed(**USES), cache_of(binding(rotation="restart"))) == set()
    assert ignored_secrets(parsed(**USES), cache_of(binding())) == set()
    assert ignored_secrets(parsed(), cache_of(other)) == set()


@pytest.mark.parametrize("synced", ["True", "Unknown", ""])
def test_bindings_that_are_not_out_of_date_are_not_told(synced: str) -> None:
    assert stale_bindings(parsed(**USES), cache_of(binding(synced=synced))) == ()


def test_bindings_that_could_not_be_read_are_told_to_the_domains_that_use_them() -> None:
    cache = cache_of(binding(synced="False"), binding("other", synced="False"))
    assert stale_bindings(parsed(**USES), cache) == ("EcoSecretBinding database: no parameter /a: create it",)
    assert stale_bindings(parsed(), cache) == ()
    bare = binding()
    del bare["status"]
    assert stale_bindings(parsed(**USES), cache_of(bare)) == ()


def entrance(**spec: Any) -> Entrance:
    return parse(ingress(hosts=["a.org", "b.org"], **spec), EcoIngressSpec)


def test_an_entrance_knows_where_its_routes_lead_and_which_hosts_it_has() -> None:
    routes = [*ROUTES, {"path": "/d", "domain": {"name": "broken"}}]
    broken = eco_domain("broken", namespace="gate", uid="b")
    broken["spec"]["port"] = "no number"
    cache = cache_of(eco_domain(access={"ingress": [{"namespace": "gate"}]}), broken)
    cache.served = frozenset({"Gateway"})
    ctx = entrance_context(entrance(routes=routes), ("a.org",), cache, CLUSTER)
    assert (ctx.hosts, ctx.served, ctx.cluster) == (("a.org",), frozenset({"Gateway"}), CLUSTER)
    assert ctx.targets["/a"] == Target(NAMESPACE, "scan", 80, "/ready")
    assert getattr(ctx.targets["/b"], "reason", "") == "DomainMissing"
    assert getattr(ctx.targets["/d"], "reason", "") == "PortUnknown"
    assert "EcoDomain gate/broken cannot be understood" in getattr(ctx.targets["/d"], "message", "")
    assert "/c" not in ctx.targets


def test_a_gateway_knows_its_users_in_order() -> None:
    first, second = entrance(routes=ROUTES), parse(ingress(hosts=["c.org"], routes=ROUTES), EcoIngressSpec)
    second = replace(second, key=Key("EcoIngress", "alpha", "z"))
    cluster = replace(CLUSTER, gateway_trusted_hops=2)
    admissions = [Admission(first, ("a.org",)), Admission(second, ("c.org",))]
    ctx = gateway_context(Scope("gate", (("a", "b"),)), admissions, cluster)
    assert (ctx.namespace, ctx.selector, ctx.trusted_hops) == ("gate", {"a": "b"}, 2)
    assert [admission.entrance for admission in ctx.entrances] == [second, first]
