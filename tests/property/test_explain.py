"""Laws of `eco2 explain`: permission only grows with rules, strangers change nothing, and the two ends are alike."""

import copy
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.build.context import Cluster, PodSelector
from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ends import Addresses, Call, End, Pods, Port
from eco2_operator.cli.explain.gates import World, judge
from eco2_operator.naming import Manifest

EXAMPLES = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CLUSTER = Cluster(
    cluster_cidrs=("10.0.0.0/8",),
    store_ports={},
    dns=PodSelector("kube-system", {}),
    gateway=PodSelector("istio-ingress", {}),
    prometheus_namespace="prometheus",
    entrance_namespaces=(),
)
NAMESPACES = {"a": {"name": "a"}, "b": {"name": "b"}, "other": {"name": "other"}}
MAPS = st.dictionaries(st.sampled_from(["app", "name"]), st.sampled_from(["a", "b"]), max_size=2)
SELECTORS = st.one_of(
    st.builds(lambda labels: {"matchLabels": labels}, MAPS),
    st.builds(
        lambda operator: {"matchExpressions": [{"key": "app", "operator": operator, "values": ["a"]}]},
        st.sampled_from(["In", "NotIn"]),
    ),
)
PODS = st.builds(
    lambda namespace, labels, sidecar: Pods(
        f"pods of {namespace}", namespace, labels, NAMESPACES[namespace], sidecar=sidecar
    ),
    st.sampled_from(["a", "b"]),
    MAPS,
    st.booleans(),
)
CIDRS = st.sampled_from(["8.0.0.0/8", "8.8.0.0/16", "8.8.8.8/32", "0.0.0.0/0", "2001:db8::/32"])
ADDRESSES = st.builds(lambda cidr: Addresses(cidr, ranges.of(cidr)), CIDRS)
BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0", "except": ["8.8.8.0/24"]},
        {"cidr": "8.0.0.0/9"},
        {"cidr": "8.128.0.0/9"},
        {"cidr": "::/0"},
    ]
)
PEERS = st.one_of(
    st.builds(lambda s: {"podSelector": s}, SELECTORS),
    st.builds(lambda s: {"namespaceSelector": s}, SELECTORS),
    st.builds(lambda s, t: {"namespaceSelector": s, "podSelector": t}, SELECTORS, SELECTORS),
    st.builds(lambda b: {"ipBlock": b}, BLOCKS),
)
PORTS = st.lists(
    st.sampled_from([{"port": 8000}, {"port": 80}, {"port": 7000, "endPort": 9000}, {"protocol": "UDP"}]), max_size=2
)


def rules(direction: str) -> st.SearchStrategy[Manifest]:
    peers = "from" if direction == "ingress" else "to"
    return st.builds(lambda p, q: {peers: p, "ports": q}, st.lists(PEERS, max_size=2), PORTS)


POLICIES = st.builds(
    lambda namespace, selector, types, ingress, egress: {
        "kind": "NetworkPolicy",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"podSelector": selector, "policyTypes": types, "ingress": ingress, "egress": egress},
    },
    st.sampled_from(["a", "b"]),
    SELECTORS,
    st.lists(st.sampled_from(["Ingress", "Egress"]), min_size=1, unique=True),
    st.lists(rules("ingress"), max_size=2),
    st.lists(rules("egress"), max_size=2),
)
SOURCES = st.sampled_from(
    [
        {"principals": ["cluster.local/ns/a/sa/default"]},
        {"namespaces": ["b"]},
        {"notPrincipals": ["*"]},
        {"requestPrincipals": ["*"]},
    ]
)
OPERATIONS = st.sampled_from(
    [{"paths": ["/x/*"]}, {"ports": ["8000"]}, {"methods": ["POST"]}, {"hosts": ["h"]}, {"notPaths": ["/x/y"]}]
)
AUTHORIZATION_RULES = st.builds(
    lambda sources, operations: {
        **({"from": [{"source": s} for s in sources]} if sources else {}),
        **({"to": [{"operation": o} for o in operations]} if operations else {}),
    },
    st.lists(SOURCES, max_size=2),
    st.lists(OPERATIONS, max_size=2),
)
AUTHORIZATIONS = st.builds(
    lambda namespace, action, labels, found: {
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"action": action, "selector": {"matchLabels": labels}, "rules": found},
    },
    st.sampled_from(["a", "b", "istio-system"]),
    st.sampled_from(["ALLOW", "DENY"]),
    MAPS,
    st.lists(AUTHORIZATION_RULES, max_size=3),
)
WORLDS = st.builds(
    lambda network, authorization: World(
        CLUSTER, network_policies=tuple(network), authorization_policies=tuple(authorization)
    ),
    st.lists(POLICIES, max_size=4),
    st.lists(AUTHORIZATIONS, max_size=3),
)
CALLS = st.builds(
    Call,
    source=PODS | ADDRESSES,
    target=PODS | ADDRESSES,
    port=st.builds(Port, st.sampled_from([8000, 80]), http=st.booleans()),
    path=st.sampled_from([None, "/x/y", "/z"]),
    method=st.sampled_from(["GET", "POST"]),
)


def allowed(call: Call, world: World) -> bool:
    return all(step.allowed for step in judge(call, world))


@EXAMPLES
@given(CALLS, WORLDS, st.data())
def test_another_allow_rule_never_turns_allowed_into_denied(call: Call, world: World, data: st.DataObject) -> None:
    before = allowed(call, world)
    more = copy.deepcopy(world)
    for policy in more.network_policies:
        policy["spec"]["ingress"] += data.draw(st.lists(rules("ingress"), max_size=1))
        policy["spec"]["egress"] += data.draw(st.lists(rules("egress"), max_size=1))
    for policy in more.authorization_policies:
        if policy["spec"]["action"] == "ALLOW":
            policy["spec"]["rules"] += data.draw(st.lists(AUTHORIZATION_RULES, max_size=1))
    assert allowed(call, more) >= before


@EXAMPLES
@given(CALLS, WORLDS, st.lists(POLICIES, max_size=3), st.lists(AUTHORIZATIONS, max_size=3))
def test_a_policy_that_selects_neither_end_changes_nothing(
    call: Call, world: World, network: list[Any], authorization: list[Any]
) -> None:
    strangers = copy.deepcopy((network, authorization))
    for policy in strangers[0]:
        policy["metadata"]["namespace"] = "other"
    for policy in strangers[1]:
        policy["spec"]["selector"] = {"matchLabels": {"app": "nobody"}}
    more = replace(
        world,
        network_policies=(*strangers[0], *world.network_policies),
        authorization_policies=(*strangers[1], *world.authorization_policies),
    )
    assert judge(call, more) == judge(call, world)


def mirrored(policy: Manifest) -> Manifest:
    """The policy that says of callers what this one says of the called."""
    spec = policy["spec"]
    turned = {"Ingress": "Egress", "Egress": "Ingress"}
    return {
        **policy,
        "spec": {
            "podSelector": spec["podSelector"],
            "policyTypes": [turned[each] for each in spec["policyTypes"]],
            "ingress": [{"from": rule["to"], "ports": rule["ports"]} for rule in spec["egress"]],
            "egress": [{"to": rule["from"], "ports": rule["ports"]} for rule in spec["ingress"]],
        },
    }


@EXAMPLES
@given(CALLS, WORLDS)
def test_both_ends_are_judged_alike(call: Call, world: World) -> None:
    """A call is allowed in the one direction when the mirrored one is in a mirrored world."""
    network = replace(world, authorization_policies=())
    turned = replace(call, source=call.target, target=call.source)
    mirror = replace(network, network_policies=tuple(map(mirrored, network.network_policies)))
    assert allowed(call, network) == allowed(turned, mirror)


@EXAMPLES
@given(PODS, PODS, WORLDS)
def test_one_closed_end_is_enough(source: End, target: Pods, world: World) -> None:
    """An empty policy on either end, where nothing else selects it, refuses the call whatever the other end says."""
    for end, kind in ((source, "Egress"), (target, "Ingress")):
        assert isinstance(end, Pods)
        others = tuple(p for p in world.network_policies if p["metadata"]["namespace"] != end.namespace)
        closed = {
            "kind": "NetworkPolicy",
            "metadata": {"name": "closed", "namespace": end.namespace},
            "spec": {"podSelector": {}, "policyTypes": [kind]},
        }
        shut = replace(world, network_policies=(*others, closed))
        assert not allowed(Call(source, target, Port(8000)), shut)
