"""Both lists of the access rules, sorted out. What follows for the objects is in the golden cases."""

from typing import Any

from eco2_operator.build.access import SEVERITY, Refusal, in_words, outbound_calls, refusals
from eco2_operator.build.context import Cluster, Domain, DomainContext, Peer, PodSelector
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource
from eco2_operator.naming import Key

CLUSTER = Cluster(
    cluster_cidrs=(),
    store_ports={"postgres": (5432,)},
    dns=PodSelector("kube-system", {}),
    gateway=PodSelector("istio-ingress", {}),
    prometheus_namespace="prometheus",
    entrance_namespaces=(),
)


def domain(**access: Any) -> Domain:
    spec = EcoDomainSpec.model_validate({"image": "eco2:1", "port": 8000, "access": access})
    return Resource(Key("EcoDomain", "talk", "chat"), "u1", 1, {}, spec)


def context(*, meshed: bool = False, **peers: Peer) -> DomainContext:
    return DomainContext(CLUSTER, peers={("talk", label): peer for label, peer in peers.items()}, meshed=meshed)


def peer(*callers: tuple[str, str], tier: Any = "business-logic") -> Peer:
    return Peer(tier, "its-account", frozenset(callers))


def test_a_refusal_reads_as_its_message() -> None:
    assert str(Refusal("PeerMissing", "not there")) == "not there"
    assert "PeerMissing" in SEVERITY


def test_a_call_that_both_ends_list_is_in_force() -> None:
    calls = outbound_calls(domain(outbound=[{"domain": "scan"}]), context(scan=peer(("talk", "chat"))))
    assert [rule.domain for rule in calls.allowed] == ["scan"]
    assert calls.refused == ()


def test_a_caller_is_known_by_its_namespace_and_its_label() -> None:
    for callers in ([], [("talk", "other")], [("elsewhere", "chat")]):
        calls = outbound_calls(domain(outbound=[{"domain": "scan"}]), context(scan=peer(*callers)))
        assert [refusal.reason for refusal in calls.refused] == ["PeerRefuses"]
        assert len(calls.allowed) == 1


def test_a_domain_that_calls_itself_lists_itself() -> None:
    itself = domain(outbound=[{"domain": "chat"}])
    assert [r.reason for r in outbound_calls(itself, context(chat=peer())).refused] == ["PeerRefuses"]
    assert outbound_calls(itself, context(chat=peer(("talk", "chat")))).refused == ()


def test_a_rule_is_refused_once_and_left_out_only_when_it_is_forbidden() -> None:
    rules = [{"domain": "scan"}, {"domain": "panel"}, {"domain": "later"}, {"data": "redis"}, {"external": "https"}]
    peers = {"scan": peer(), "panel": peer(tier="observability")}
    calls = outbound_calls(domain(outbound=rules), context(**peers))
    assert [(r.message[:11], r.reason) for r in calls.refused] == [
        ("outbound[0]", "PeerRefuses"),
        ("outbound[1]", "TierRefused"),
        ("outbound[2]", "PeerMissing"),
        ("outbound[3]", "PortsUnknown"),
    ]
    assert [rule.domain or rule.external for rule in calls.allowed] == ["scan", "later", "https"]


def test_what_both_directions_have_to_say_comes_together() -> None:
    made = domain(outbound=[{"domain": "later"}], inbound=[{"domain": "my", "paths": ["/a"]}])
    assert [refusal.reason for refusal in refusals(made, context())] == ["PeerMissing", "NotInMesh"]
    assert [refusal.reason for refusal in refusals(made, context(meshed=True))] == ["PeerMissing"]


def test_the_lists_in_words_name_each_entry_once() -> None:
    made = domain(
        inbound=[{"domain": "my", "paths": ["/b", "/a"]}, {"domain": "scan", "namespace": "scan"}, {"domain": "my"}],
        outbound=[{"data": "redis"}, {"data": "redis"}, {"cidr": "10.0.0.0/8", "port": 443}, {"domain": "helper"}],
    )
    assert in_words(made) == (
        "callers domain: my in talk (/a, /b), domain: scan in scan, domain: my in talk; "
        "calls data: redis, cidr: 10.0.0.0/8, port: 443, domain: helper in talk"
    )
    assert in_words(domain()) == "callers none; calls none"
