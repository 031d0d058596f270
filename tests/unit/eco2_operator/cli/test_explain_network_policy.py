"""What NetworkPolicies mean, case by case of the Kubernetes documentation."""

import pytest

from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ends import Addresses, Pods, Port
from eco2_operator.cli.explain.network_policy import decide, selects
from eco2_operator.cli.explain.selectors import matches

WEB = Port(8000, "TCP", "http")
SCAN = Pods("scan", "scan", {"app": "scan"}, {"team": "a"}, address="10.1.0.1")
CHAT = Pods("chat", "chat", {"app": "chat"}, {"team": "b"}, address="10.1.0.2")


def policy(*, namespace="scan", name="p", select=None, **spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": select or {}, **spec},
    }


def lets(*rules, peer=CHAT, port=WEB, **more):
    return decide([policy(ingress=list(rules), **more)], "Ingress", SCAN, peer, port).allowed


def from_(*peers, ports=None):
    return {"from": list(peers), **({"ports": ports} if ports is not None else {})}


def pods(**labels):
    return {"podSelector": {"matchLabels": labels}}


def namespaces(**labels):
    return {"namespaceSelector": {"matchLabels": labels}}


def test_pods_that_no_policy_selects_are_open():
    for policies in ([], [policy(namespace="chat", ingress=[])], [policy(select={"matchLabels": {"app": "x"}})]):
        decision = decide(policies, "Ingress", SCAN, CHAT, WEB)
        assert (decision.allowed, decision.selecting) == (True, ())


def test_a_policy_without_rules_closes():
    assert not lets()
    assert not decide([policy(policyTypes=["Egress"])], "Egress", SCAN, CHAT, WEB).allowed


def test_a_direction_that_is_not_named_stays_open():
    only_ingress = policy(ingress=[])
    assert decide([only_ingress], "Egress", SCAN, CHAT, WEB).allowed
    assert selects(policy(egress=[{}]), "Egress", SCAN)  # rules alone name it
    assert selects(policy(egress=[{}]), "Ingress", SCAN)  # Ingress always, unless types are named
    assert not selects(policy(policyTypes=["Egress"]), "Ingress", SCAN)


def test_an_empty_rule_opens_for_everybody():
    assert lets({})
    assert lets({"from": []})
    assert lets({}, peer=Addresses("x", ranges.of("8.8.8.8")))


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        (pods(app="chat"), False),  # of the policy's own namespace
        (namespaces(team="b"), True),
        (namespaces(team="a"), False),
        ({**namespaces(team="b"), **pods(app="chat")}, True),
        ({**namespaces(team="b"), **pods(app="other")}, False),
        ({"namespaceSelector": {}}, True),
        ({"podSelector": {}}, False),
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, False),
    ],
)
def test_who_is_meant(peer, allowed):
    assert lets(from_(peer)) is allowed


def test_pods_of_the_same_namespace():
    other = Pods("other", "scan", {"app": "other"}, {"team": "a"})
    assert lets(from_(pods(app="other")), peer=other)


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ({"port": 8000}, True),
        ({"protocol": "TCP", "port": 8000}, True),
        ({"protocol": "UDP", "port": 8000}, False),
        ({"port": 80}, False),
        ({"port": "http"}, True),
        ({"port": "grpc"}, False),
        ({"port": 7000, "endPort": 9000}, True),
        ({"port": 7000, "endPort": 7999}, False),
        ({"protocol": "TCP"}, True),
    ],
)
def test_which_port_is_meant(entry, allowed):
    assert lets(from_(ports=[entry])) is allowed


def test_one_of_several_ports_is_enough():
    assert lets(from_(ports=[{"port": 80}, {"port": 8000}]))
    assert not lets(from_(ports=[{"port": 80}, {"port": 81}]))


def test_policies_add_up():
    closed, open_ = policy(name="closed", ingress=[]), policy(name="open", ingress=[{}])
    decision = decide([closed, open_], "Ingress", SCAN, CHAT, WEB)
    assert decision.allowed
    assert ([p["metadata"]["name"] for p in decision.selecting], decision.allowing) == (["closed", "open"], (open_,))


def blocks(*cidrs, holes=()):
    return {"to": [{"ipBlock": {"cidr": cidr, "except": list(holes)}} for cidr in cidrs]}


def reaches(target, *rules):
    shut = policy(policyTypes=["Egress"], egress=list(rules))
    return decide([shut], "Egress", SCAN, Addresses("x", ranges.of(*target)), Port(443))


def test_addresses_are_covered_by_blocks_without_their_holes():
    assert reaches(["8.8.8.8"], blocks("8.0.0.0/8")).allowed
    assert not reaches(["8.8.8.8"], blocks("8.0.0.0/8", holes=["8.8.0.0/16"])).allowed
    assert reaches(["8.0.0.0/8"], blocks("8.0.0.0/9"), blocks("8.128.0.0/9")).allowed
    assert not reaches(["8.8.8.8"], {"to": [pods(app="chat")]}).allowed


def test_a_part_of_the_addresses_is_told():
    decision = reaches(["8.0.0.0/8"], blocks("8.0.0.0/9"))
    assert (decision.allowed, len(decision.allowing)) == (False, 1)
    assert ranges.text(decision.left) == "8.128.0.0/9"


def test_one_ip_version_is_enough():
    assert reaches(["8.0.0.0/8", "2001:db8::/32"], blocks("0.0.0.0/0")).allowed
    assert not reaches(["8.0.0.0/8", "2001:db8::/32"], blocks("8.0.0.0/9")).allowed


def test_a_block_that_holds_a_pods_address_is_told_but_does_not_count():
    decision = decide([policy(ingress=[from_({"ipBlock": {"cidr": "10.0.0.0/8"}})])], "Ingress", SCAN, CHAT, WEB)
    assert (decision.allowed, len(decision.by_address)) == (False, 1)
    away = decide([policy(ingress=[from_({"ipBlock": {"cidr": "11.0.0.0/8"}})])], "Ingress", SCAN, CHAT, WEB)
    assert away.by_address == ()


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "app", "operator": "In", "values": ["scan", "x"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["scan"]}, False),
        ({"key": "none", "operator": "NotIn", "values": ["scan"]}, True),
        ({"key": "none", "operator": "In", "values": ["scan"]}, False),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "none", "operator": "Exists"}, False),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "app", "operator": "Later"}, False),
    ],
)
def test_match_expressions(expression, selected):
    assert matches({"matchExpressions": [expression]}, {"app": "scan"}) is selected
    assert not matches({"matchLabels": {"app": "x"}, "matchExpressions": [expression]}, {"app": "scan"})


def test_text_of_many_ranges_is_cut():
    many = ranges.of(*(f"10.{i}.0.0/16" for i in range(0, 12, 2)))
    assert ranges.text(many) == "10.0.0.0/16, 10.2.0.0/16, 10.4.0.0/16, 10.6.0.0/16 and 2 more"
    assert ranges.text(ranges.of("2001:db8::/32")) == "2001:db8::/32"
