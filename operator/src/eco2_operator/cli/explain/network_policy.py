"""What NetworkPolicies say about one direction of a call. Pure.

https://kubernetes.io/docs/concepts/services-networking/network-policies/: policies add up; pods that none selects for a
direction are open in it. An ``ipBlock`` means addresses outside the cluster: whether it covers pods as well depends on
the network plugin, and is told apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ends import End, Pods, Port
from eco2_operator.cli.explain.ranges import Ranges
from eco2_operator.cli.explain.selectors import matches
from eco2_operator.naming import Manifest

Direction = Literal["Ingress", "Egress"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What came out for one direction."""

    allowed: bool
    selecting: tuple[Manifest, ...] = ()
    """The policies that select the pods; none: everything is allowed."""
    allowing: tuple[Manifest, ...] = ()
    """Those with a rule that lets the call pass, or a part of its addresses."""
    left: Ranges = ()
    """Addresses of the other end that no rule covers."""
    by_address: tuple[Manifest, ...] = ()
    """Policies whose ``ipBlock`` holds the address of the other end's pod."""


def decide(policies: Iterable[Manifest], direction: Direction, subject: Pods, peer: End, port: Port) -> Decision:
    """Whether the subject may be called by the peer (Ingress), or may call it (Egress), on a port of the called end."""
    selecting = tuple(policy for policy in policies if selects(policy, direction, subject))
    if not selecting:
        return Decision(True)
    if isinstance(peer, Pods):
        allowing = tuple(
            p for p in selecting if any(_admits(r, direction, p, peer, port) for r in _rules(p, direction))
        )
        near = tuple(p for p in selecting if any(_covers(r, direction, peer, port) for r in _rules(p, direction)))
        return Decision(bool(allowing), selecting, allowing, by_address=() if allowing else near)
    left, used = peer.ranges, []
    for policy in selecting:
        open_ = [part for rule in _rules(policy, direction) for part in _opened(rule, direction, port, peer.ranges)]
        rest = ranges.minus(left, open_)
        if rest != left:
            used.append(policy)
        left = rest
    return Decision(_enough(peer.ranges, left), selecting, tuple(used), left)


def selects(policy: Manifest, direction: Direction, pods: Pods) -> bool:
    """Whether a policy is about these pods in this direction."""
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    if direction not in types or policy["metadata"]["namespace"] != pods.namespace:
        return False
    return matches(spec.get("podSelector") or {}, pods.labels)


def _rules(policy: Manifest, direction: Direction) -> Iterable[Mapping[str, Any]]:
    return policy["spec"].get(direction.lower()) or ()


def _peers(rule: Mapping[str, Any], direction: Direction) -> list[Mapping[str, Any]]:
    """The other ends a rule names; none means everybody."""
    return rule.get("from" if direction == "Ingress" else "to") or []


def _admits(rule: Mapping[str, Any], direction: Direction, policy: Manifest, pods: Pods, port: Port) -> bool:
    peers = _peers(rule, direction)
    named = not peers or any(_names(peer, policy["metadata"]["namespace"], pods) for peer in peers)
    return named and _on_port(rule, port)


def _names(peer: Mapping[str, Any], own: str, pods: Pods) -> bool:
    """Whether an entry of ``from`` or ``to`` names the pods by labels."""
    if "ipBlock" in peer:
        return False
    namespaces = peer.get("namespaceSelector")
    here = pods.namespace == own if namespaces is None else matches(namespaces, pods.namespace_labels)
    return here and matches(peer.get("podSelector") or {}, pods.labels)


def _covers(rule: Mapping[str, Any], direction: Direction, pods: Pods, port: Port) -> bool:
    """Whether a rule holds the pods' address in an ``ipBlock``."""
    if not pods.address or not _on_port(rule, port):
        return False
    blocks = (peer["ipBlock"] for peer in _peers(rule, direction) if "ipBlock" in peer)
    return any(not ranges.minus(ranges.of(pods.address), ranges.of_block(block)) for block in blocks)


def _opened(rule: Mapping[str, Any], direction: Direction, port: Port, everything: Ranges) -> Ranges:
    """The addresses a rule opens the port to."""
    if not _on_port(rule, port):
        return ()
    peers = _peers(rule, direction)
    if not peers:
        return everything
    return tuple(part for peer in peers if "ipBlock" in peer for part in ranges.of_block(peer["ipBlock"]))


def _enough(wanted: Ranges, left: Ranges) -> bool:
    """Whether all addresses of one IP version are open: most clusters speak one only."""
    versions = {version for version, _, _ in wanted}
    return any(all(version != v for v, _, _ in left) for version in versions)


def _on_port(rule: Mapping[str, Any], port: Port) -> bool:
    ports = rule.get("ports") or []
    return not ports or any(_is(entry, port) for entry in ports)


def _is(entry: Mapping[str, Any], port: Port) -> bool:
    if entry.get("protocol", "TCP") != port.protocol:
        return False
    wanted = entry.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return bool(port.name) and wanted == port.name
    return bool(wanted <= port.number <= entry.get("endPort", wanted))
