"""What builders are told about the surroundings of a domain."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, child, eco_domain

from eco2_operator.cache import Cache
from eco2_operator.gather import alb_targets, domain_context, known_node_ports, service_node_ports
from eco2_operator.kinds import SERVICE
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import API_VERSION, child_name
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
    assert (ctx.node_ports, ctx.routed_by_alb, ctx.peer_tiers) == ({}, False, {})
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


def test_the_tiers_of_known_peers_are_found_by_their_label() -> None:
    outbound = [{"domain": "vision"}, {"domain": "chat", "namespace": "talk"}, {"domain": "unknown"}, {"data": "redis"}]
    cache = cache_of(
        eco_domain("ml", uid="1", domain="vision", tier="data"),
        eco_domain("chat", uid="2", namespace="talk"),
        eco_domain("chat", uid="3", tier="data"),
    )
    ctx = domain_context(parsed(access={"outbound": outbound}), cache, CLUSTER)
    assert ctx.peer_tiers == {(NAMESPACE, "vision"): "data", ("talk", "chat"): "business-logic"}


@pytest.mark.parametrize("access", [{}, {"outbound": []}])
def test_without_outbound_rules_no_peer_is_looked_up(access: dict[str, Any]) -> None:
    assert domain_context(parsed(access=access), cache_of(eco_domain("chat", uid="2")), CLUSTER).peer_tiers == {}


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
