"""Who has which host, and who may have it."""

from typing import Any

import pytest

from eco2_operator.claims import Claimant, Claims, Refusal, Scope, claimant, judge, may_claim, scope_of
from eco2_operator.naming import Key

GATE = Scope("istio-ingress", (("istio", "ingressgateway"),))
EDGE = Scope("gate", GATE.selector)
OWN = Scope("istio-ingress", (("a", "1"), ("b", "2")))
EVERYBODY = {"": ("web", "shop")}
HOST = "api.example.org"


def one(
    name: str, *hosts: str, namespace: str = "web", created: str = "2026-01-01T00:00:00Z", scope: Scope = GATE
) -> Claimant:
    return Claimant(Key("EcoIngress", namespace, name), created, frozenset([scope]), hosts or (HOST,))


def judged(mine: Claimant, others: list[Claimant], allowed: Any) -> Claims:
    return judge([mine, *others], allowed)[mine.key]


# -- the oldest has it ---------------------------------------------------------------------------------------------


def test_alone_it_has_all_its_hosts() -> None:
    assert judged(one("a", "x.org", "y.org"), [], EVERYBODY) == Claims(("x.org", "y.org"))
    assert judged(one("a"), [one("a")], EVERYBODY) == Claims((HOST,))


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        (one("b", created="2025-12-31T23:59:59Z"), False),
        (one("b", created="2026-01-01T00:00:01Z"), True),
        (one("b"), True),  # the same second: by name
        (one("0"), False),
        (one("z", namespace="shop"), False),  # by namespace first
        (one("b", "other.org", created="2020-01-01T00:00:00Z"), True),
        (one("b", created="2020-01-01T00:00:00Z", scope=Scope("gate", (("a", "b"),))), True),
        (one("b", created="2020-01-01T00:00:00Z", namespace="stranger"), True),  # who may not have it does not hold it
    ],
)
def test_of_several_the_oldest_has_it(other: Claimant, *, holds: bool) -> None:
    claims = judged(one("a"), [other], EVERYBODY)
    assert claims.hosts == ((HOST,) if holds else ())


def test_the_other_hosts_stay_and_the_refusal_names_the_holder() -> None:
    older = one("old", "x.org", namespace="shop", created="2020-01-01T00:00:00Z")
    claims = judged(one("a", "x.org", "y.org"), [older], EVERYBODY)
    assert claims.hosts == ("y.org",)
    assert [str(refusal) for refusal in claims.refused] == ["x.org: belongs to EcoIngress shop/old"]
    assert claims.refused[0].reason == "HostClaimed"


@pytest.mark.parametrize(
    ("older", "younger", "clash"),
    [
        ("*.x.org", "a.x.org", True),
        ("*.x.org", "b.a.x.org", True),
        ("*.x.org", "*.a.x.org", True),
        ("a.x.org", "*.x.org", True),
        ("*.a.x.org", "*.x.org", True),
        ("*.x.org", "x.org", False),
        ("*.x.org", "ax.org", False),
        ("*.a.x.org", "*.b.x.org", False),
        ("*.a.x.org", "b.x.org", False),
    ],
)
def test_a_wildcard_and_what_it_covers_are_not_for_two(older: str, younger: str, clash: bool) -> None:
    others = [one("old", older, created="2020-01-01T00:00:00Z")]
    claims = judged(one("a", younger, "c.net"), others, EVERYBODY)
    assert claims.hosts == (("c.net",) if clash else (younger, "c.net"))
    for refusal in claims.refused:
        assert str(refusal) == f"{younger}: EcoIngress web/old has {older}, and one of the two covers the other"
    assert judged(one("b", older, younger), [], EVERYBODY).hosts == (older, younger)


def test_who_has_no_host_stands_in_nobodys_way() -> None:
    oldest, older = one("0", "a.x.org"), one("1", "*.x.org")
    assert judged(one("2", "b.x.org"), [oldest, older], EVERYBODY).hosts == ("b.x.org",)


# -- who may have it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "namespaces"),
    [
        ("example.org", "ab"),
        ("api.example.org", "ab"),
        ("dev.example.org", "c"),
        ("x.dev.example.org", "c"),
        ("notexample.org", ""),
        ("xdev.example.org", "ab"),
        ("example.org.evil.net", ""),
        ("*.dev.example.org", "c"),
        ("*.example.org", "d"),  # takes x.dev.example.org too, where nobody has it
    ],
)
def test_the_longest_suffix_on_the_boundary_of_a_label_decides(host: str, namespaces: str) -> None:
    allowed = {"example.org": "abd", "dev.example.org": "cd"}
    expected = set(namespaces) | ({"d"} if namespaces else set())
    assert {namespace for namespace in "abcd" if may_claim(namespace, host, allowed)} == expected


def test_the_empty_suffix_is_every_host_that_no_other_decides_about() -> None:
    allowed = {"": ["all"], "example.org": ["own"]}
    assert may_claim("all", "x.net", allowed)
    assert not may_claim("all", "x.example.org", allowed)
    assert may_claim("own", "x.example.org", allowed)


@pytest.mark.parametrize(
    ("allowed", "host", "words"),
    [
        ({}, HOST, "no namespace may have it: add one of its suffixes"),
        ({"": ["a", "b"]}, HOST, "namespace web may not have such hosts, only a, b"),
        ({"example.org": ["a"]}, HOST, "namespace web may not have hosts under example.org, only a"),
        ({"example.org": []}, HOST, "only nobody"),
        ({"org": ["web"], "example.org": ["a"]}, "*.org", "may not have all that it stands for"),
    ],
)
def test_a_refusal_says_who_may_and_what_to_do(allowed: Any, host: str, words: str) -> None:
    claims = judged(one("a", host), [], allowed)
    (refusal,) = claims.refused
    assert (claims.hosts, refusal.reason) == ((), "HostRefused")
    assert words in refusal.message
    assert "ECO2_HOST_CLAIMS" in refusal.message
    assert isinstance(refusal, Refusal)


# -- from JSON -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "scope", "scopes"),
    [
        ({}, GATE, {GATE}),
        ({"gateway": {"namespace": "gate"}}, EDGE, {EDGE}),
        ({"gateway": {"selector": {"b": "2", "a": "1"}}}, OWN, {OWN}),
        ({"provider": "alb"}, GATE, {GATE, Scope()}),
        ({"provider": "alb", "alb": {"target": "gateway"}}, GATE, {GATE, Scope()}),
        ({"provider": "alb", "alb": {"target": "domain"}}, Scope(), {Scope()}),
    ],
)
def test_hosts_are_claimed_at_a_gateway_or_among_the_load_balancers(
    spec: Any, scope: Scope, scopes: frozenset[Scope]
) -> None:
    assert scope_of(spec) == scope
    metadata = {"name": "a", "namespace": "web", "creationTimestamp": "2026-01-01T00:00:00Z"}
    assert claimant({"metadata": metadata, "spec": {"hosts": [HOST], **spec}}) == Claimant(
        Key("EcoIngress", "web", "a"), "2026-01-01T00:00:00Z", scopes, (HOST,)
    )


def test_one_that_is_only_rendered_has_no_age() -> None:
    made = claimant({"metadata": {"name": "a", "namespace": "web"}, "spec": {"hosts": [HOST]}})
    assert made.age == ("", "web", "a")
