"""Laws about hosts: one holder at most, the next takes over, and the order of arrival is nothing."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eco2_operator.cache import Cache
from eco2_operator.claims import Claimant, Scope, judge, may_claim
from eco2_operator.entrances import Entrances
from eco2_operator.naming import API_VERSION, Key, Manifest

HOSTS = ("a.org", "b.a.org", "*.a.org", "c.net")
ALLOWED = {"": ("n1", "n2"), "a.org": ("n2", "n3")}
SCOPES = (Scope(), Scope("g", (("a", "b"),)))

claimants = st.lists(
    st.builds(
        Claimant,
        st.builds(Key, st.just("EcoIngress"), st.sampled_from(("n1", "n2", "n3")), st.sampled_from("xyz")),
        st.sampled_from(("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")),
        st.sampled_from(SCOPES).map(lambda scope: frozenset([scope])),
        st.lists(st.sampled_from(HOSTS), min_size=1, unique=True).map(tuple),
    ),
    unique_by=lambda one: one.key,
    max_size=9,
)


def holders(everybody: list[Claimant], host: str, scope: Scope) -> list[Claimant]:
    claims = judge(everybody, ALLOWED)
    return [one for one in everybody if scope in one.scopes and host in claims[one.key].hosts]


def clash(one: str, other: str) -> bool:
    wide = [(one, other), (other, one)]
    return one == other or any(a.startswith("*.") and b.endswith(a[1:]) for a, b in wide)


@given(claimants)
def test_no_two_have_hosts_that_clash_and_nobody_goes_without_a_reason(everybody: list[Claimant]) -> None:
    claims = judge(everybody, ALLOWED)
    for scope in SCOPES:
        held = [(host, one) for one in everybody if scope in one.scopes for host in claims[one.key].hosts]
        for host, one in held:
            assert all(other is one or not clash(host, theirs) for theirs, other in held)
        for one in (each for each in everybody if scope in each.scopes):
            for host in set(one.hosts) - set(claims[one.key].hosts):
                older = [theirs for theirs, other in held if other.age < one.age and clash(host, theirs)]
                assert older or not may_claim(one.key.namespace, host, ALLOWED)


@given(claimants)
def test_holders_follow_each_other_by_age_as_the_one_before_goes(everybody: list[Claimant]) -> None:
    left = [replace(one, hosts=HOSTS[:1]) for one in everybody]
    for scope in SCOPES:
        line = []
        while found := holders(left, HOSTS[0], scope):
            line += found
            left.remove(found[0])
        assert all(first.age < second.age for first, second in pairwise(line))


@given(claimants)
def test_whoever_lacks_a_host_is_told_why(everybody: list[Claimant]) -> None:
    for one in everybody:
        claims = judge(everybody, ALLOWED)[one.key]
        assert {*claims.hosts, *(refusal.host for refusal in claims.refused)} == set(one.hosts)
        assert not set(claims.hosts) & {refusal.host for refusal in claims.refused}


@given(claimants, st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_nothing(everybody: list[Claimant], random: st.DataObject) -> None:
    there = [manifest(one) for one in everybody]
    orders = [there, random.sample(there, len(there))]  # type: ignore[attr-defined]
    first, second = (read(order, there) for order in orders)
    assert first == second


def manifest(one: Claimant) -> Manifest:
    metadata = {"name": one.key.name, "namespace": one.key.namespace, "uid": str(one.key), "resourceVersion": "1"}
    straight = {"provider": "alb", "alb": {"target": "domain"}}
    (scope,) = one.scopes
    gate = {"gateway": {"namespace": scope.namespace, "selector": dict(scope.selector)}}
    routes = [{"path": "/", "domain": {"name": "scan"}, "public": True}]
    where = straight if scope == Scope() else gate
    return {
        "apiVersion": API_VERSION,
        "kind": "EcoIngress",
        "metadata": {**metadata, "creationTimestamp": one.created},
        "spec": {"hosts": list(one.hosts), "routes": routes, **where},
    }


def read(order: list[Manifest], there: list[Manifest]) -> list[tuple[str, ...]]:
    cache = Cache()
    for obj in order:
        cache.put(obj)
    entrances = Entrances(cache, ALLOWED)
    return [entrances.claims(obj).hosts for obj in there]
