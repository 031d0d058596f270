"""What a cluster must have, check by check."""

import pytest

from eco2_operator.cli.doctor.definitions import definitions
from eco2_operator.cli.doctor.finding import State
from eco2_operator.cli.doctor.node_ports import node_ports
from eco2_operator.cli.doctor.permissions import permissions, wanted
from eco2_operator.cli.doctor.placement import namespaces, nodes, stores
from eco2_operator.cli.doctor.server import apis, kinds, version
from eco2_operator.kinds import OPTIONAL as OPTIONAL_KINDS

OK, MISSING, OPTIONAL = State.OK, State.MISSING, State.OPTIONAL


def states(findings):
    return [finding.state for finding in findings]


def namespace(name, **labels):
    return {"metadata": {"name": name, "labels": {key.replace("__", "-"): value for key, value in labels.items()}}}


FULL = {"app.kubernetes.io/part-of": "ecoeco-backend", "tier": "business-logic", "role": "api"}


@pytest.mark.parametrize(
    ("minor", "state"), [("36", OK), ("31", OK), ("31+", OK), ("30", MISSING), ("", MISSING), (None, MISSING)]
)
def test_the_server_must_be_new_enough(minor, state):
    assert version({"gitVersion": "v1.x", "major": "1", "minor": minor}, "https://here").state is state


def test_optional_apis_are_never_missing():
    found = list(apis({"groups": [{"name": "metrics.k8s.io"}]}))
    assert {finding.check: finding.state for finding in found} == {
        "Istio": OPTIONAL,
        "AWS Load Balancer Controller": OPTIONAL,
        "Metrics API": OK,
    }


def test_what_is_lost_without_an_optional_kind_is_told():
    found = {finding.check: finding for finding in kinds({"ServiceMonitor"})}
    assert found.keys() == {kind.name for kind in OPTIONAL_KINDS}
    assert [name for name, finding in found.items() if finding.state is OK] == ["ServiceMonitor"]
    assert found["AuthorizationPolicy"].detail.startswith("no authorizationpolicies.security.istio.io/v1: callers are")


def crd(description="", established="True"):
    return {
        "metadata": {"name": "ecodomains.eco2.growbin.app"},
        "spec": {
            "names": {"kind": "EcoDomain"},
            "versions": [{"name": "v1alpha1", "schema": {"openAPIV3Schema": {"description": description}}}],
        },
        "status": {"conditions": [{"type": "Established", "status": established, "message": "clash"}]},
    }


@pytest.mark.parametrize(
    ("live", "state", "detail"),
    [
        (None, MISSING, "not installed"),
        (crd(established="False"), MISSING, "not established: clash"),
        (crd("old"), MISSING, "another version"),
        (crd(), OK, "of this version"),
    ],
)
def test_a_crd_must_be_there_accepted_and_ours(live, state, detail):
    (finding,) = definitions([(crd(), live)])
    assert finding.state is state
    assert detail in finding.detail


def test_a_crd_without_conditions_is_not_established():
    live = {**crd(), "status": {}}
    (finding,) = definitions([(crd(), live)])
    assert "has not accepted it yet" in finding.detail


def test_missing_permissions_are_told_per_kind():
    asked = wanted(["a"], "ops")
    # Kinds of the whole cluster have no namespace, the Lease has its own.
    assert {permission.namespace for permission in asked} == {"a", "ops", ""}
    assert {permission.namespace for permission in asked if permission.resource == "leases"} == {"ops"}
    allowed = [not (p.resource == "services" and p.verb in ("create", "patch")) for p in asked]
    (finding,) = permissions(asked, allowed)
    assert finding.state is MISSING
    assert finding.detail == "you may not create, patch services in namespace a"


def test_all_permissions():
    asked = wanted([], "")
    assert "leases" not in {permission.resource for permission in asked}
    (finding,) = permissions(asked, [True] * len(asked))
    assert finding.state is OK
    assert ("patch", "ecodomains/status.eco2.growbin.app") in {(p.verb, p.name) for p in asked}
    (finding,) = permissions(asked[:1], [False])
    assert "in all namespaces" in finding.detail


def test_namespaces_of_domains_must_say_what_they_are(make):
    domains = [make.domain("a", "a"), make.domain("b", "b")]
    found = list(namespaces(domains, [namespace("a", **FULL), namespace("b", tier="data"), namespace("c")]))
    assert states(found) == [MISSING]
    assert "b lacks the labels app.kubernetes.io/part-of, role" in found[0].detail
    assert states(namespaces(domains[:1], [namespace("a", **FULL)])) == [OK]
    assert states(namespaces([], [namespace("c")])) == []


def test_data_stores_must_have_a_namespace(make):
    outbound = [{"data": "postgres"}, {"data": "redis"}, {"external": "https"}]
    domains = [make.domain(name, name, access={"outbound": outbound}) for name in ("a", "b", "c", "d")]
    domains.append(make.domain("e", "e"))
    found = list(stores(domains, [namespace("pg", data__type="postgres"), namespace("x")]))
    assert states(found) == [OK, MISSING]
    assert found[0].detail == "postgres in pg"
    assert found[1].detail == "no namespace has the label data-type=redis, which a/a, b/b, c/c and 1 more may call"


def test_nodes_must_be_labelled_and_should_be_tainted(make):
    domains = [make.domain(name, name, placement={"node": name}) for name in ("a", "b", "c")]
    live = [make.node("n1", domain="a"), make.node("n2", domain="b", tainted=False)]
    found = list(nodes([*domains, make.domain("d", "d")], live))
    assert {finding.state: finding.detail for finding in found} == {
        OK: "labelled and tainted domain=...: a",
        OPTIONAL: "n2: no taint domain=b, so other pods may run there",
        MISSING: "no node has the label domain=c: the pods of c/c stay Pending",
    }


def service(name, namespace, port):
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"ports": [{"nodePort": port}, {"port": 1}]}}


def test_node_ports_must_not_be_wanted_by_two(make):
    mine = make.domain("auth", "auth", nodePort=31661)
    assert states(node_ports([mine], [service("auth", "auth", 31661)])) == [OK]
    assert states(node_ports([mine], [])) == [OK]
    (finding,) = node_ports([mine], [service("other", "x", 31661)])
    assert finding.detail == "31661, which EcoDomain auth/auth asks for, is taken by Service x/other"
    second = make.domain("late", "late", ports=[{"name": "http", "port": 1, "nodePort": 31661}])
    (finding,) = node_ports([mine, second], [])
    assert finding.detail == "31661, which EcoDomain late/late asks for, is asked for by auth/auth"
    (finding,) = node_ports([mine, second], [service("auth", "auth", 31661)])
    assert "late/late" in finding.detail
    assert states(node_ports([make.domain("s", "s", nodePort=31661, suspend=True)], [])) == []
