"""Where a route leads."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import eco_domain

from eco2_operator.build import service
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.entrance.context import Target, Unresolved
from eco2_operator.build.entrance.targets import resolve
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.ingress import DomainTarget, Route
from eco2_operator.model.resource import parse
from eco2_operator.settings import Settings

CLUSTER = Settings.model_construct(entrance_namespaces=("gates",)).cluster
TO = DomainTarget(name="scan", namespace="shop")
PORTS = [
    {"name": "main", "port": 8000},
    {"name": "admin", "port": 9000},
    {"name": "grpc", "port": 9001, "servicePort": 91, "appProtocol": "grpc"},
]


def domain(name: str = "scan", **spec: Any) -> Domain:
    return parse(eco_domain(name, **({"port": None} if "ports" in spec else {}), **spec), EcoDomainSpec)


def found(of: Domain | None, *, port: str | None = None, namespace: str = "gates") -> Target | Unresolved:
    route = Route(path="/scan", domain=TO, port=port)
    return resolve(route, TO, namespace, of, CLUSTER)


def test_by_default_it_is_the_first_port_of_the_service() -> None:
    assert found(domain()) == Target("shop", "scan", 80, "/ready")
    assert found(domain(ports=PORTS)) == Target("shop", "scan", 80, "/ready")
    assert found(domain(health={"readinessPath": "/ok"})) == Target("shop", "scan", 80, "/ok")


@pytest.mark.parametrize(("port", "number"), [("main", 80), ("admin", 9000), ("grpc", 91)])
def test_a_port_is_found_by_its_name(port: str, number: int) -> None:
    target = found(domain(ports=PORTS), port=port)
    assert isinstance(target, Target)
    assert target.port == number


@pytest.mark.parametrize("spec", [{"port": 8000}, {"ports": PORTS}, {"ports": list(reversed(PORTS))}])
@pytest.mark.parametrize("name", ["scan", "s" * 63])
def test_service_and_port_are_those_of_the_service_that_is_made(name: str, spec: Any) -> None:
    made = service.build(domain(name, **spec), DomainContext(cluster=CLUSTER))
    assert made is not None
    for port in made["spec"]["ports"]:
        target = found(domain(name, **spec), port=port["targetPort"])
        assert isinstance(target, Target)
        assert (target.service, target.port) == (made["metadata"]["name"], port["port"])


def test_a_domain_that_is_not_there_may_still_come() -> None:
    unresolved = found(None)
    assert isinstance(unresolved, Unresolved)
    assert unresolved.reason == "DomainMissing"
    assert "EcoDomain shop/scan" in unresolved.message


@pytest.mark.parametrize(
    ("namespace", "access", "let_in"),
    [
        ("gates", {}, True),
        ("shop", {}, True),
        ("other", {}, False),
        ("other", {"ingress": [{"namespace": "other"}]}, True),
        ("gates", {"ingress": [{"namespace": "other"}]}, False),
        ("shop", {"ingress": []}, False),
    ],
)
def test_a_domain_says_who_may_route_to_it(namespace: str, access: Any, *, let_in: bool) -> None:
    target = found(domain(access=access), namespace=namespace)
    assert isinstance(target, Target) is let_in
    if isinstance(target, Unresolved):
        assert target.reason == "RouteRefused"
        assert f"add {{namespace: {namespace}}} to its spec.access.ingress" in target.message


def test_a_worker_answers_nobody_and_a_port_has_to_be_there() -> None:
    worker = parse(eco_domain(workload="worker", port=None), EcoDomainSpec)
    assert getattr(found(worker), "reason", "") == "NoService"
    unknown = found(domain(ports=PORTS), port="metrics")
    assert isinstance(unknown, Unresolved)
    assert unknown.reason == "PortUnknown"
    assert "has no port metrics, only main, admin, grpc" in unknown.message


def test_who_is_refused_learns_nothing_of_the_domain() -> None:
    closed = parse(eco_domain(workload="worker", port=None, access={"ingress": []}), EcoDomainSpec)
    assert getattr(found(closed), "reason", "") == "RouteRefused"
