"""Every gate between two ends of a call, judged by the objects there are. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from eco2_operator.build.access import access
from eco2_operator.build.context import Cluster, Domain, DomainContext
from eco2_operator.cli.explain import advice, authorization_policy, network_policy, ranges
from eco2_operator.cli.explain.authorization_policy import name
from eco2_operator.cli.explain.authorization_rules import Request
from eco2_operator.cli.explain.ends import Addresses, Call, End, Pods
from eco2_operator.cli.explain.network_policy import Direction
from eco2_operator.cli.explain.peer_authentication import strict
from eco2_operator.cli.explain.verdict import Step
from eco2_operator.naming import MANAGED_BY, MANAGED_BY_LABEL, Manifest


@dataclass(frozen=True, slots=True)
class World:
    """What decides, as it is in the cluster."""

    cluster: Cluster
    contexts: Mapping[tuple[str, str], DomainContext] = field(default_factory=dict)
    """Surroundings of the EcoDomains that take part, by namespace and name."""
    network_policies: tuple[Manifest, ...] = ()
    authorization_policies: tuple[Manifest, ...] = ()
    peer_authentications: tuple[Manifest, ...] = ()


def judge(call: Call, world: World) -> tuple[Step, ...]:
    """Every gate between two ends, in the order in which a packet meets them."""
    return tuple(_gates(call, world))


def _gates(call: Call, world: World) -> Iterator[Step]:
    source, target = call.source, call.target
    if isinstance(source, Pods):
        yield _network("Egress", source, target, call, world, advice.lacking_outbound)
    if isinstance(target, Pods):
        yield _network("Ingress", target, source, call, world, advice.lacking_inbound)
        if target.sidecar:
            yield _encryption(call, target, world)
            yield _authorization(call, target, world)


Lacking = Callable[[Domain, DomainContext, Call], str]


def _network(direction: Direction, subject: Pods, peer: End, call: Call, world: World, lacking: Lacking) -> Step:
    found = network_policy.decide(world.network_policies, direction, subject, peer, call.port)
    gate = f"{direction.lower()} of {subject.title}"
    lack = _lack(subject, call, world, lacking)
    notes = [] if subject.live else ["no such pod runs now: it is judged by the labels it would have"]
    if not found.selecting:
        if _is_shadow(subject) and lack:
            notes.append(f"with enforcement: active it would be refused: {lack}")
        return Step(gate, True, (), "no NetworkPolicy selects it: everything is allowed", notes=tuple(notes))
    notes += _by_address(found.by_address)
    if found.allowed:
        notes += _opened_by_others(found.allowing, subject, lack)
        return Step(gate, True, _names(found.allowing), "a rule lets it pass", notes=tuple(notes))
    text = "none of the policies that select it has a rule for it"
    if found.allowing:
        text = f"open for a part of the addresses only; not for {ranges.text(found.left)}"
    todo = _todo(subject, lack, found.selecting)
    return Step(gate, False, _names(found.selecting), text, todo, tuple(notes))


def _by_address(policies: Iterable[Manifest]) -> Iterator[str]:
    for policy in policies:
        text = "holds the pod's address in an ipBlock; whether that counts depends on the network plugin"
        yield f"{name(policy)} {text}"


def _lack(subject: Pods, call: Call, world: World, lacking: Lacking) -> str:
    """What the subject's own access rules lack; empty also when it has none."""
    domain = subject.domain
    if domain is None:
        return ""
    return lacking(domain, world.contexts[domain.namespace, domain.name], call)


def _is_shadow(subject: Pods) -> bool:
    return subject.domain is not None and access(subject.domain).enforcement == "shadow"


def _opened_by_others(allowing: Iterable[Manifest], subject: Pods, lack: str) -> tuple[str, ...]:
    if not lack or any(is_ours(policy) for policy in allowing):
        return ()
    return (f"only policies that the operator did not make let it pass; to have it do so: {lack}",)


def _todo(subject: Pods, lack: str, selecting: Iterable[Manifest]) -> str:
    domain = subject.domain
    policies = ", ".join(_names(selecting))
    if domain is None:
        return f"add a rule to {policies}, or a policy of its own"
    if _is_shadow(subject):
        return f"enforcement: shadow blocks nothing, but {policies} does: add a rule there"
    if lack:
        return lack
    where = f"{advice.title(domain)} lists it, but no live policy holds it"
    return f"{where}: `eco2 status domain {domain.name} -n {domain.namespace}` says why"


def is_ours(policy: Manifest) -> bool:
    """Whether the operator made a policy."""
    return (policy["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY


def _names(policies: Iterable[Manifest]) -> tuple[str, ...]:
    return tuple(map(name, policies))


def _encryption(call: Call, target: Pods, world: World) -> Step:
    gate = f"mTLS of {target.title}"
    policy = strict(world.peer_authentications, target, call.port, root=world.cluster.istiod_namespace)
    if policy is None:
        return Step(gate, True, (), "plain text is answered too")
    if identity(call.source, world.cluster):
        return Step(gate, True, (name(policy),), "mTLS only, which the caller speaks")
    return Step(gate, False, (name(policy),), "mTLS only, and the caller has no sidecar", _join_mesh(call.source))


def _join_mesh(source: End) -> str:
    if isinstance(source, Addresses):
        return "let it come through the gateway"
    return f"label the namespace {source.namespace} with istio-injection=enabled, and restart the caller's pods"


def _authorization(call: Call, target: Pods, world: World) -> Step:
    source = call.source
    request = Request(
        principal=identity(source, world.cluster),
        addresses=source.ranges if isinstance(source, Addresses) else _address(source),
        port=call.port.number,
        http=call.port.http,
        path=call.path,
        method=call.method,
    )
    root = world.cluster.istiod_namespace
    found = authorization_policy.decide(world.authorization_policies, target, request, root=root)
    gate, objects = f"authorization of {target.title}", _names(found.deciding)
    if found.allowed:
        text = "a rule lets it pass" if objects else "no AuthorizationPolicy allows or denies anything"
        if found.conditions:
            text = f"passes when {' and '.join(found.conditions)}"
        return Step(gate, True, objects, text, notes=found.notes)
    if found.denied:
        return Step(gate, False, objects, "a rule denies it", f"change {objects[0]}", found.notes)
    return Step(gate, False, objects, "no rule lets it pass", _permit(call, target, world, objects), found.notes)


def _permit(call: Call, target: Pods, world: World, objects: tuple[str, ...]) -> str:
    if not identity(call.source, world.cluster):
        return f"the caller has no identity in the mesh: {_join_mesh(call.source)}"
    lack = _lack(target, call, world, advice.lacking_path)
    return lack or f"add a rule to {', '.join(objects)}"


def identity(end: End, cluster: Cluster) -> str:
    """Who an end is in the mesh; empty when it has no sidecar."""
    if isinstance(end, Addresses) or not end.sidecar:
        return ""
    if end.role == "gateway" and end.namespace == cluster.gateway.namespace and cluster.gateway_principal:
        return cluster.gateway_principal
    return f"{cluster.trust_domain}/ns/{end.namespace}/sa/{end.account}"


def _address(pods: Pods) -> ranges.Ranges:
    return ranges.of(pods.address) if pods.address else ()
