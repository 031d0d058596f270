"""EcoIngresses on a real API server with Istio's definitions: made, resolved, refused, repaired, removed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.audit import Call
from support.domains import manifest as domain_manifest
from support.entrances import GATE, GATEWAY_NAMESPACE, Entrance, definitions, gateway_pod, manifest
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.build.entrance.envoy_filter import ref as filter_of
from eco2_operator.build.entrance.envoy_filter import said
from eco2_operator.build.entrance.names import entrance_id
from eco2_operator.entrances import without_spec
from eco2_operator.finalizer import FINALIZER
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    ECO_DOMAIN,
    ECO_INGRESS,
    ENVOY_FILTER,
    GATEWAY,
    INGRESS,
    POD,
    REQUEST_AUTHENTICATION,
    VIRTUAL_SERVICE,
    Kind,
)

pytestmark = pytest.mark.cluster

ALLOWED = ("gates", "gates-too")
SHOP = "shop"
SCAN = {"name": "scan", "namespace": SHOP}
JWT = {"jwt": {"issuer": "https://api.example.org", "jwksUri": "http://auth.auth.svc.cluster.local/jwks.json"}}
SETTINGS = {
    "ECO2_HOST_CLAIMS": json.dumps({"example.org": ALLOWED}),
    "ECO2_ENTRANCE_NAMESPACES": json.dumps(ALLOWED),
}


@pytest.fixture(scope="module")
def gated(new_private: Callable[..., Any]) -> Iterator[Any]:
    """A cluster with a gateway, the domain `scan`, and an operator."""
    private = new_private(definitions=definitions(), settings=SETTINGS)
    for name in (GATEWAY_NAMESPACE, SHOP, *ALLOWED):
        private.namespace(name)
    private.api.create(POD, gateway_pod())
    private.operator.start()
    private.domain(SHOP).becomes_ready()
    return private


@pytest.fixture
def private(gated: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(gated.operator)
    return gated


@pytest.fixture
def new(private: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Entrance]]:
    """Makes EcoIngresses that go with the test."""
    made = []

    def create(name: str = "api", namespace: str = ALLOWED[0], **spec: Any) -> Entrance:
        wanted = {"routes": [{"path": "/scan", "domain": SCAN}], **spec}
        private.api.create(ECO_INGRESS, manifest(namespace, name, **wanted))
        made.append(Entrance(private.api, namespace, name))
        return made[-1]

    yield create
    for entrance in made:
        entrance.delete()
    for entrance in made:
        eventually(lambda entrance=entrance: entrance.is_gone)


def writes(calls: list[Call]) -> list[str]:
    """What was written, Events aside."""
    return [f"{call.verb} {call.resource}" for call in calls if call.is_write and call.resource != "events"]


def no_object_is_left(private: Any) -> None:
    for kind in (GATEWAY, AUTHORIZATION_POLICY, ENVOY_FILTER, INGRESS):
        assert private.api.items(kind, GATEWAY_NAMESPACE) == []


def test_what_is_made_and_where(new: Callable[..., Entrance]) -> None:
    entrance = new(routes=[{"path": "/scan", "domain": SCAN}, {"path": "/internal", "deny": True}], auth=JWT)
    entrance.becomes_ready()
    outside = entrance.outside
    assert entrance.made() == {
        GATEWAY: [outside],
        REQUEST_AUTHENTICATION: [outside],
        AUTHORIZATION_POLICY: [outside, f"{outside}-deny"],
        VIRTUAL_SERVICE: ["api"],
    }
    assert entrance.routes() == {"/scan": "Programmed", "/internal": "Denied"}
    assert entrance.is_admitted()
    assert entrance.live["metadata"]["finalizers"] == [FINALIZER]
    assert {item["kind"] for item in entrance.status["inventory"]} == {kind.name for kind in entrance.made()}
    managers = {entry["manager"] for entry in entrance.live["metadata"]["managedFields"]}
    owned = [e for e in entrance.live["metadata"]["managedFields"] if e["manager"] == "eco2-operator"]
    assert managers == {"eco2-tests", "eco2-operator"}
    assert all(not e["fieldsV1"].get("f:spec") for e in owned)
    entrance.patch(auth={"jwt": {**JWT["jwt"], "issuer": "https://other.example.org"}})
    entrance.becomes_ready()
    entrance.patch(auth=None)
    eventually(lambda: REQUEST_AUTHENTICATION not in entrance.made())


def test_guards_come_first_then_the_gateway_then_the_routes(private: Any, new: Callable[..., Entrance]) -> None:
    trail = private.operator.audit()
    entrance = new()
    entrance.becomes_ready()
    order = [call for call in writes(trail.calls()) if "ecoingresses" not in call]
    assert sorted(order[:2]) == ["patch authorizationpolicies", "patch gateways"]
    assert order[2:] == ["patch envoyfilters", "patch virtualservices"]


def test_a_route_waits_for_its_domain_and_the_others_work(private: Any, new: Callable[..., Entrance]) -> None:
    routes = [{"path": "/scan", "domain": SCAN}, {"path": "/late", "domain": {"name": "late", "namespace": SHOP}}]
    entrance = new(routes=routes)
    message = entrance.becomes("RoutesResolved", "False", "DomainMissing")
    assert "EcoDomain shop/late" in message
    entrance.becomes("Programmed", "True", "Programmed")
    assert entrance.routes() == {"/scan": "Programmed", "/late": "Pending"}
    assert entrance.says("Reconciling", "True", "DomainMissing")
    private.domain(SHOP, "late")
    entrance.becomes_ready()
    assert entrance.routes() == {"/scan": "Programmed", "/late": "Programmed"}
    private.api.delete(ECO_DOMAIN, SHOP, "late")
    entrance.becomes("RoutesResolved", "False", "DomainMissing")


def test_a_domain_refuses_the_route_and_lets_it_in_later(private: Any, new: Callable[..., Entrance]) -> None:
    strict = domain_manifest(SHOP, "strict", access={"ingress": [{"namespace": "somebody-else"}]})
    private.api.create(ECO_DOMAIN, strict)
    entrance = new(routes=[{"path": "/", "domain": {"name": "strict", "namespace": SHOP}}])
    message = entrance.becomes("Ready", "False", "RouteRefused")
    assert "add {namespace: gates} to its spec.access.ingress" in message
    assert entrance.says("Stalled", "True", "RouteRefused")
    assert entrance.routes() == {"/": "Refused"}
    access = {"ingress": [{"namespace": ALLOWED[0]}]}
    private.api.patch(ECO_DOMAIN, SHOP, "strict", {"spec": {"access": access}})
    entrance.becomes_ready()
    private.api.delete(ECO_DOMAIN, SHOP, "strict")


def test_a_host_belongs_to_the_first_across_namespaces_and_goes_over_without_a_touch(
    new: Callable[..., Entrance],
) -> None:
    first = new("first", hosts=["one.example.org"])
    first.becomes_ready()
    second = new("second", namespace=ALLOWED[1], hosts=["one.example.org", "two.example.org"])
    message = second.becomes("Accepted", "False", "HostClaimed")
    assert message == "one.example.org: belongs to EcoIngress gates/first"
    second.becomes("Programmed", "True", "Programmed")
    assert second.virtual_service()["spec"]["hosts"] == ["two.example.org"]
    first.delete()
    second.becomes_ready()
    assert second.virtual_service()["spec"]["hosts"] == ["one.example.org", "two.example.org"]
    assert first.is_gone


def test_a_namespace_may_not_have_every_host(new: Callable[..., Entrance]) -> None:
    entrance = new(hosts=["api.example.com"])
    message = entrance.becomes("Ready", "False", "HostRefused")
    assert "ECO2_HOST_CLAIMS" in message
    assert entrance.made() == {}
    assert "finalizers" not in entrance.live["metadata"]


@pytest.mark.parametrize("kind", [GATEWAY, AUTHORIZATION_POLICY, VIRTUAL_SERVICE], ids=lambda kind: kind.name)
def test_what_somebody_changes_or_deletes_is_repaired(private: Any, new: Callable[..., Entrance], kind: Kind) -> None:
    entrance = new(routes=[{"path": "/scan", "domain": SCAN}])
    entrance.becomes_ready()
    place = (entrance.namespace, "api") if kind is VIRTUAL_SERVICE else (GATEWAY_NAMESPACE, entrance.outside)
    before = private.api.read(kind, *place)
    changed = {"servers": []} if kind is GATEWAY else {"http": []} if kind is VIRTUAL_SERVICE else {"rules": [{}]}
    private.api.patch(kind, *place, {"spec": changed})
    eventually(lambda: private.api.read(kind, *place)["spec"] == before["spec"])
    private.api.delete(kind, *place)
    eventually(lambda: private.api.read(kind, *place)["metadata"]["uid"] != before["metadata"]["uid"])
    assert private.api.read(kind, *place)["spec"] == before["spec"]
    entrance.becomes_ready()


def test_the_filter_of_the_gateway_is_repaired_and_nobody_is_shut_out(
    private: Any, new: Callable[..., Entrance]
) -> None:
    entrance = new()
    entrance.becomes_ready()
    ref = filter_of(GATE)
    before = private.api.read(ENVOY_FILTER, ref.namespace, ref.name)
    private.api.patch(ENVOY_FILTER, ref.namespace, ref.name, {"spec": {"configPatches": []}})
    eventually(lambda: private.api.read(ENVOY_FILTER, ref.namespace, ref.name)["spec"] == before["spec"])
    private.api.patch(ENVOY_FILTER, ref.namespace, ref.name, {"metadata": {"annotations": None}})
    eventually(lambda: private.api.read(ENVOY_FILTER, ref.namespace, ref.name)["metadata"]["annotations"])
    private.api.delete(ENVOY_FILTER, ref.namespace, ref.name)
    eventually(lambda: private.api.read(ENVOY_FILTER, ref.namespace, ref.name)["spec"] == before["spec"])
    entrance.becomes_ready()


def test_an_object_of_somebody_else_is_left_alone(private: Any, new: Callable[..., Entrance]) -> None:
    theirs = {
        "apiVersion": GATEWAY.api_version,
        "kind": GATEWAY.name,
        "metadata": {"name": "gates-taken", "namespace": GATEWAY_NAMESPACE},
        "spec": {
            "selector": {"a": "b"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["x.y"]}],
        },
    }
    made = private.api.create(GATEWAY, theirs)
    entrance = new("taken")
    message = entrance.becomes("Ready", "False", "NameConflict")
    assert "Gateway istio-ingress/gates-taken exists and was not made by this operator" in message
    assert private.api.read(GATEWAY, GATEWAY_NAMESPACE, "gates-taken")["spec"] == made["spec"]
    assert VIRTUAL_SERVICE not in entrance.made()
    private.api.delete(GATEWAY, GATEWAY_NAMESPACE, "gates-taken")
    entrance.becomes_ready()


def test_deletion_removes_everything_elsewhere_routes_first(private: Any, new: Callable[..., Entrance]) -> None:
    entrance = new(routes=[{"path": "/scan", "domain": SCAN}, {"path": "/no", "deny": True}])
    entrance.becomes_ready()
    trail = private.operator.audit()
    entrance.delete()
    eventually(lambda: entrance.is_gone)
    assert entrance.made() == {}
    order = writes(trail.calls())
    assert order[:2] == ["delete virtualservices", "delete envoyfilters"]
    assert sorted(order[2:-1]) == ["delete authorizationpolicies", "delete authorizationpolicies", "delete gateways"]
    assert order[-1] == "patch ecoingresses"
    no_object_is_left(private)


def test_the_other_entrances_of_a_gateway_stay_when_one_goes(private: Any, new: Callable[..., Entrance]) -> None:
    stays_, goes = new("stays"), new("goes", namespace=ALLOWED[1])
    stays_.becomes_ready()
    goes.becomes_ready()
    goes.delete()
    eventually(lambda: goes.is_gone)
    assert stays_.is_admitted()
    assert stays_.says("Ready", "True", "Ready")


def test_a_path_that_is_asked_about_again_is_so_before_its_route_and_nobody_is_shut_out(
    private: Any, new: Callable[..., Entrance]
) -> None:
    public = {"path": "/pub", "domain": SCAN, "public": True}
    entrance = new(routes=[{"path": "/scan", "domain": SCAN}, public])
    entrance.becomes_ready()
    trail = private.operator.audit()
    since = private.api.version(ENVOY_FILTER, GATEWAY_NAMESPACE)
    entrance.patch(routes=[{"path": "/scan", "domain": SCAN}, public, {"path": "/pub/own", "domain": SCAN}])
    entrance.becomes_ready()
    trail.becomes_quiet(for_=5)
    order = [call for call in writes(trail.calls()) if "ecoingresses" not in call]
    assert order[:3] == ["patch authorizationpolicies", "patch envoyfilters", "patch virtualservices"]
    assert set(order[3:]) <= {"patch envoyfilters", "patch authorizationpolicies"}
    id_ = entrance_id(without_spec(entrance.live))
    history = private.api.history(ENVOY_FILTER, GATEWAY_NAMESPACE, since=since)
    assert all(said(event["object"]).get(id_) for event in history)


def test_a_suspended_entrance_is_left_as_it_is(private: Any, new: Callable[..., Entrance]) -> None:
    entrance = new()
    entrance.becomes_ready()
    before = entrance.virtual_service()
    trail = private.operator.audit()
    entrance.patch(suspend=True, routes=[{"path": "/other", "domain": SCAN}])
    entrance.becomes("Ready", "Unknown", "Suspended")
    stays(lambda: set(writes(trail.calls())) == {"patch ecoingresses/status"})
    assert entrance.virtual_service() == before
    assert entrance.is_admitted()


def test_a_route_that_is_added_costs_one_write_of_the_routes_and_one_of_the_status(
    private: Any, new: Callable[..., Entrance]
) -> None:
    entrances = [new(f"e{number}").becomes_ready() for number in range(4)]
    trail = private.operator.audit()
    trail.becomes_quiet()
    trail.restart()
    entrances[2].patch(routes=[{"path": "/scan", "domain": SCAN}, {"path": "/more", "domain": SCAN}])
    eventually(lambda: entrances[2].routes() == {"/scan": "Programmed", "/more": "Programmed"})
    stays(lambda: writes(trail.calls()) == ["patch virtualservices", "patch ecoingresses/status"], for_=4)


@pytest.mark.slow
def test_one_route_more_among_a_thousand_costs_two_writes(private: Any, new: Callable[..., Entrance]) -> None:
    routes = [{"path": f"/part-{number}", "domain": SCAN, "public": number == 0} for number in range(20)]
    entrances = [new(f"entrance-{number}", routes=routes) for number in range(50)]
    for entrance in entrances:
        entrance.becomes_ready()
    trail = private.operator.audit()
    trail.becomes_quiet()
    trail.restart()
    entrances[7].patch(routes=[*routes, {"path": "/more", "domain": SCAN}])
    eventually(lambda: entrances[7].routes().get("/more") == "Programmed")
    stays(lambda: writes(trail.calls()) == ["patch virtualservices", "patch ecoingresses/status"], for_=10)


def test_a_load_balancer_in_front_of_the_gateway(private: Any, new: Callable[..., Entrance]) -> None:
    entrance = new(provider="alb", alb={"target": "gateway"})
    message = entrance.becomes("Programmed", "False", "WaitingForLoadBalancer")
    assert "Ingress istio-ingress/gates-api" in message
    assert entrance.is_admitted()
    address = {"status": {"loadBalancer": {"ingress": [{"hostname": "x.elb.amazonaws.com"}]}}}
    private.api.patch(INGRESS, GATEWAY_NAMESPACE, entrance.outside, address, subresource="status")
    entrance.becomes_ready()


def test_a_load_balancer_straight_to_the_domains(private: Any, new: Callable[..., Entrance]) -> None:
    routes = [{"path": "/scan", "domain": SCAN, "public": True}, {"path": "/no", "deny": True}]
    entrance = new(provider="alb", alb={"target": "domain"}, routes=routes)
    entrance.becomes("Programmed", "False", "WaitingForLoadBalancer")
    places = {(i["kind"], i["namespace"]) for i in entrance.status["inventory"]}
    assert places == {("Ingress", SHOP), ("Ingress", ALLOWED[0])}
    assert entrance.live["metadata"]["finalizers"] == [FINALIZER]
    entrance.patch(routes=[{"path": "/no", "deny": True}])
    eventually(lambda: not private.api.items(INGRESS, SHOP))
    eventually(lambda: "finalizers" not in entrance.live["metadata"])
    entrance.delete()
    eventually(lambda: entrance.is_gone)


def test_idle_it_asks_nothing_and_a_restart_writes_nothing(private: Any, new: Callable[..., Entrance]) -> None:
    entrances = [new("one").becomes_ready(), new("two", namespace=ALLOWED[1]).becomes_ready()]
    trail = private.operator.audit()
    trail.becomes_quiet()
    trail.restart()
    stays(lambda: not [str(call) for call in trail.calls() if call.verb != "watch"], for_=8)
    versions = [entrance.live["metadata"]["resourceVersion"] for entrance in entrances]
    assert private.operator.stop() == 0
    trail = private.operator.audit()
    private.operator.start()
    done = {"kind": "EcoIngress", "result": "ok"}
    eventually(lambda: private.operator.metrics().total("eco2_reconcile_duration_seconds_count", **done) >= 2)
    trail.stays_quiet(for_=5)
    assert writes(trail.calls()) == []
    assert [entrance.live["metadata"]["resourceVersion"] for entrance in entrances] == versions
    assert all(entrance.is_admitted() for entrance in entrances)


def test_what_went_while_the_operator_was_down_is_cleared_up(private: Any, new: Callable[..., Entrance]) -> None:
    entrance = new()
    entrance.becomes_ready()
    private.operator.kill()
    entrance.delete()
    assert not entrance.is_gone
    private.operator.start()
    eventually(lambda: entrance.is_gone)
    no_object_is_left(private)


def test_without_a_gateway_pod_it_says_so(private: Any, new: Callable[..., Entrance]) -> None:
    gateway = {"namespace": GATEWAY_NAMESPACE, "selector": {"istio": "nobody"}}
    entrance = new(gateway=gateway)
    message = entrance.becomes("Programmed", "False", "GatewayNotFound")
    assert "no pod in namespace istio-ingress has istio=nobody" in message


def test_without_its_certificate_it_says_so(new: Callable[..., Entrance]) -> None:
    entrance = new(gateway={"namespace": GATEWAY_NAMESPACE, "tls": {"secretName": "api-tls"}})
    message = entrance.becomes("Programmed", "False", "CertificateMissing")
    assert "istio-ingress/api-tls" in message
