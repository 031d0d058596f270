"""What AuthorizationPolicies and PeerAuthentications mean, case by case of Istio's reference."""

import pytest

from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.authorization_policy import decide
from eco2_operator.cli.explain.authorization_rules import Request, matches
from eco2_operator.cli.explain.ends import Pods, Port
from eco2_operator.cli.explain.peer_authentication import strict

SCAN = Pods("scan", "scan", {"app": "scan"}, sidecar=True)
MY = "cluster.local/ns/my/sa/my"


def request(**changes):
    facts = {"principal": MY, "addresses": (), "port": 8000, "http": True, "path": "/api/v1/x", "method": "GET"}
    return Request(**{**facts, **changes})


def policy(action="ALLOW", *rules, namespace="scan", name="p", select=None, annotations=None, **spec):
    metadata = {"name": name, "namespace": namespace, "annotations": annotations or {}}
    selector = {"selector": {"matchLabels": select}} if select else {}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": metadata,
        "spec": {"action": action, "rules": list(rules), **selector, **spec},
    }


def source(**fields):
    return {"from": [{"source": fields}]}


def operation(**fields):
    return {"to": [{"operation": fields}]}


def allowed(*policies, **changes):
    return decide(policies, SCAN, request(**changes), root="istio-system").allowed


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, True),
        (source(principals=[MY]), True),
        (source(principals=["cluster.local/ns/my/*"]), True),
        (source(principals=["*/sa/my"]), True),
        (source(principals=["*"]), True),
        (source(principals=["cluster.local/ns/chat/sa/chat"]), False),
        (source(notPrincipals=[MY]), False),
        (source(namespaces=["my"]), True),
        (source(namespaces=["chat"]), False),
        (source(notNamespaces=["chat"]), True),
        (source(serviceAccounts=["my/my"]), True),
        (source(serviceAccounts=["my"]), False),  # of the policy's own namespace
        (source(notServiceAccounts=["my/my"]), False),
        (operation(paths=["/api/v1/x"]), True),
        (operation(paths=["/api/*"]), True),
        (operation(paths=["*/x"]), True),
        (operation(paths=["/api/{*}/x"]), True),
        (operation(paths=["/{*}/x"]), False),
        (operation(paths=["/{**}"]), True),
        (operation(paths=["/api"]), False),
        (operation(notPaths=["/api/*"]), False),
        (operation(methods=["GET"]), True),
        (operation(methods=["POST"]), False),
        (operation(ports=["8000"]), True),
        (operation(ports=["80"]), False),
        (operation(notPorts=["8000"]), False),
        ({**source(principals=[MY]), **operation(methods=["POST"])}, False),
        ({"from": [{"source": {"namespaces": ["chat"]}}, {"source": {"namespaces": ["my"]}}]}, True),
        ({"when": [{"key": "source.namespace", "values": ["my"]}]}, True),
        ({"when": [{"key": "source.namespace", "notValues": ["my"]}]}, False),
        ({"when": [{"key": "destination.port", "values": ["80"]}]}, False),
    ],
)
def test_a_rule(rule, expected):
    assert (matches(rule, request(), deny=False, own="scan") is not None) is expected
    assert allowed(policy("ALLOW", rule)) is expected
    assert allowed(policy("DENY", rule)) is not expected


def test_without_an_identity_nothing_that_asks_for_one_holds():
    for rule in (source(principals=["*"]), source(namespaces=["*"]), source(serviceAccounts=["my/my"])):
        assert not allowed(policy("ALLOW", rule), principal="")
    assert allowed(policy("ALLOW", source(notPrincipals=["x"])), principal="")


def test_without_policies_everything_passes_and_with_an_empty_one_nothing():
    assert allowed()
    assert not allowed(policy("ALLOW"))
    assert allowed(policy("DENY"))
    assert not allowed({"kind": "AuthorizationPolicy", "metadata": {"name": "p", "namespace": "scan"}})


def test_a_denial_wins():
    assert not allowed(policy("ALLOW", {}), policy("DENY", {}))
    decision = decide([policy("DENY", {}, name="no")], SCAN, request(), root="r")
    assert (decision.denied, decision.deciding[0]["metadata"]["name"]) == (True, "no")


def test_which_policies_count():
    closed = {"name": "closed"}
    assert allowed(policy("ALLOW", namespace="chat", **closed))
    assert allowed(policy("ALLOW", select={"app": "chat"}, **closed))
    assert allowed(policy("ALLOW", targetRefs=[{"kind": "Gateway", "name": "g"}], **closed))
    assert not allowed(policy("ALLOW", select={"app": "scan"}, **closed))
    assert not allowed(policy("ALLOW", namespace="istio-system", **closed))


def test_a_policy_on_trial_refuses_nothing_but_is_told():
    trial = policy("ALLOW", source(namespaces=["chat"]), annotations={"istio.io/dry-run": "true"})
    decision = decide([trial], SCAN, request(), root="r")
    assert decision.allowed
    assert decision.notes == ("AuthorizationPolicy scan/p on trial (dry-run) would refuse it",)


def test_what_the_caller_may_choose_is_a_condition():
    rule = {**source(principals=[MY]), **operation(paths=["/internal/*"], hosts=["scan"])}
    decision = decide([policy("ALLOW", rule)], SCAN, request(path=None), root="r")
    assert decision.allowed
    assert decision.conditions == ("host is one of scan", "path is one of /internal/*")
    denied = decide([policy("DENY", rule)], SCAN, request(path=None), root="r")
    assert (denied.allowed, denied.notes) == (
        True, ("AuthorizationPolicy scan/p refuses it when host is one of scan and path is one of /internal/*",),
    )  # fmt: skip
    token = decide([policy("ALLOW", source(requestPrincipals=["*"]))], SCAN, request(), root="r")
    assert token.conditions == ("token is one of *",)
    header = {"when": [{"key": "request.headers[x]", "notValues": ["y"]}]}
    assert decide([policy("ALLOW", header)], SCAN, request(), root="r").conditions == (
        "request.headers[x] is none of y",
    )


def test_the_rule_with_the_fewest_conditions_counts():
    many = policy("ALLOW", operation(paths=["/a"], hosts=["b"]), name="many")
    none = policy("ALLOW", source(principals=[MY]), name="none")
    decision = decide([many, none], SCAN, request(path=None), root="r")
    assert (decision.conditions, decision.deciding) == ((), (none,))


def test_addresses():
    balancer = ranges.of("10.9.0.0/24")
    assert allowed(policy("ALLOW", source(ipBlocks=["10.9.0.0/16"])), addresses=balancer)
    assert not allowed(policy("ALLOW", source(ipBlocks=["10.9.0.0/25"])), addresses=balancer)
    assert not allowed(policy("ALLOW", source(notIpBlocks=["10.9.0.128/25"])), addresses=balancer)
    decision = decide([policy("ALLOW", source(ipBlocks=["10.9.0.0/16"]))], SCAN, request(), root="r")
    assert decision.conditions == ("source address is one of 10.9.0.0/16",)


def test_on_a_port_without_http():
    limited = operation(paths=["/x"])
    assert not allowed(policy("ALLOW", limited), http=False)
    assert not allowed(policy("DENY", limited), http=False)
    assert not allowed(policy("ALLOW", {"when": [{"key": "request.headers[x]", "values": ["y"]}]}), http=False)
    assert not allowed(policy("DENY", {"when": [{"key": "request.headers[x]", "values": ["y"]}]}), http=False)
    assert not allowed(policy("ALLOW", source(requestPrincipals=["*"])), http=False)
    assert allowed(policy("ALLOW", operation(ports=["8000"])), http=False)


def test_another_decider_is_told():
    custom = policy("CUSTOM", operation(paths=["/api/*"]), provider={"name": "authz"})
    decision = decide([custom], SCAN, request(), root="r")
    assert (decision.allowed, decision.notes) == (
        True, ("AuthorizationPolicy scan/p lets the provider authz decide",),
    )  # fmt: skip


def peer(mode=None, *, namespace="scan", select=None, ports=None, name="p", created="1"):
    spec = {"selector": {"matchLabels": select}} if select else {}
    spec |= {"mtls": {"mode": mode}} if mode else {}
    spec |= {"portLevelMtls": {str(port): {"mode": m} for port, m in ports.items()}} if ports else {}
    return {"metadata": {"name": name, "namespace": namespace, "creationTimestamp": created}, "spec": spec}


MINE = {"app": "scan"}


@pytest.mark.parametrize(
    ("policies", "name"),
    [
        ([], None),
        ([peer("STRICT")], "p"),
        ([peer("PERMISSIVE")], None),
        ([peer("STRICT", namespace="istio-system", name="mesh")], "mesh"),
        ([peer("STRICT", namespace="chat")], None),
        ([peer("STRICT", namespace="istio-system"), peer("PERMISSIVE")], None),
        ([peer("PERMISSIVE"), peer("STRICT", select=MINE, name="own")], "own"),
        ([peer("PERMISSIVE"), peer("STRICT", select={"app": "x"})], None),
        ([peer("STRICT", select=MINE, ports={8000: "PERMISSIVE"})], None),
        ([peer("STRICT", select=MINE, ports={9000: "PERMISSIVE"})], "p"),
        ([peer("PERMISSIVE", select=MINE, ports={8000: "STRICT"})], "p"),
        ([peer("STRICT", name="wide"), peer("UNSET", select=MINE)], "wide"),
        ([peer("STRICT", name="wide"), peer(select=MINE, ports={8000: "UNSET"})], "wide"),
        ([peer("STRICT", select=MINE, created="2"), peer("PERMISSIVE", select=MINE, name="old")], None),
    ],
)
def test_the_narrowest_says_whether_plain_text_is_answered(policies, name):
    found = strict(policies, SCAN, Port(8000), root="istio-system")
    assert (found and found["metadata"]["name"]) == name
