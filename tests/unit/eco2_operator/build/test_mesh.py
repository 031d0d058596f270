"""Which ports take plain text. How Istio decides on the whole is in tests/property/test_mesh.py."""

from dataclasses import replace
from typing import Any

import pytest

from eco2_operator.build.context import Cluster, Domain, DomainContext, PodSelector
from eco2_operator.build.mesh import in_force, load_balancer_ranges, plain_metrics, plain_text_ports, serves_keys
from eco2_operator.kinds import AUTHORIZATION_POLICY, PEER_AUTHENTICATION
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.naming import Key

CONTEXT = DomainContext(
    Cluster(
        cluster_cidrs=(),
        store_ports={},
        dns=PodSelector("kube-system", {}),
        gateway=PodSelector("istio-ingress", {}),
        prometheus_namespace="prometheus",
        entrance_namespaces=(),
        alb_source_cidrs=("10.2.0.0/16", "10.1.0.1/16", "10.2.0.0/16"),
    )
)
BALANCED = replace(CONTEXT, routed_by_alb=True)
PORTS = [{"name": "web", "port": 8000}, {"name": "admin", "port": 8001}, {"name": "metrics", "port": 9090}]
OFF = {"enabled": False}


def domain(**spec: Any) -> Domain:
    body = {"image": "eco2:1", "ports": PORTS, "metrics": OFF} | spec
    return Resource(Key("EcoDomain", "auth", "auth"), "u1", 1, {}, EcoDomainSpec.model_validate(body))


def keys(*paths: str) -> dict[str, Any]:
    return {"inbound": [{"domain": "my"}, {"domain": "istiod", "namespace": "istio-system", "paths": list(paths)}]}


def test_the_mesh_acts_where_the_pods_are_in_it_and_the_kind_is_served() -> None:
    meshed = replace(CONTEXT, meshed=True, served=frozenset({"AuthorizationPolicy"}))
    assert in_force(AUTHORIZATION_POLICY, meshed)
    assert not in_force(PEER_AUTHENTICATION, meshed)
    assert not in_force(AUTHORIZATION_POLICY, replace(meshed, meshed=False))


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        ({}, []),
        ({"metrics": {"port": "metrics"}}, [9090]),
        ({"metrics": {"path": "/m*"}}, []),
        ({"access": keys("/.well-known/jwks.json")}, [8000]),
        ({"access": keys("/.well-known/jwks.json"), "metrics": {"port": "metrics"}}, [8000, 9090]),
        ({"access": keys("/.well-known/jwks.json"), "metrics": {}}, [8000]),
    ],
)
def test_ports_that_take_plain_text(spec: dict[str, Any], numbers: list[int]) -> None:
    assert plain_text_ports(domain(**spec), CONTEXT) == numbers


def test_a_load_balancer_reaches_every_port_of_a_node_port_service() -> None:
    assert load_balancer_ranges(domain(), BALANCED) == ["10.1.0.0/16", "10.2.0.0/16"]
    assert plain_text_ports(domain(), BALANCED) == [8000, 8001, 9090]
    for spec in ({"workload": "worker"}, {"service": {"type": "ClusterIP"}}):
        assert load_balancer_ranges(domain(**spec), BALANCED) == []
        assert plain_text_ports(domain(**spec), BALANCED) == []
    nowhere = replace(BALANCED, cluster=replace(CONTEXT.cluster, alb_source_cidrs=()))
    assert plain_text_ports(domain(), nowhere) == []


@pytest.mark.parametrize(
    ("paths", "alone"),
    [
        (["/.well-known/jwks.json"], True),
        (["/.well-known/*"], False),
        (["/.well-known/jwks.json*"], False),
        (["/.well-known/jwks.json", "/a"], False),
    ],
)
def test_public_keys_are_an_exception_only_alone(paths: list[str], alone: bool) -> None:
    assert serves_keys(domain(access=keys(*paths))) is alone


def test_without_access_rules_there_are_no_keys() -> None:
    assert not serves_keys(domain())


def test_a_star_at_the_end_of_the_metrics_path_lets_nothing_through() -> None:
    assert plain_metrics(domain(metrics={"path": "/a*b"})) is not None
    assert plain_metrics(domain(metrics={"path": "/a*"})) is None
    assert plain_metrics(domain()) is None
