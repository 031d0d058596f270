"""Which of the access rules are in force, and why the others are not. Both ends of a call have to list it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from eco2_operator.build.context import Cluster, Domain, DomainContext
from eco2_operator.build.labels import domain_label
from eco2_operator.build.mesh import in_force
from eco2_operator.build.ports import ports
from eco2_operator.build.tiers import allowed_targets, tier_allows
from eco2_operator.kinds import AUTHORIZATION_POLICY
from eco2_operator.model.access import Access, Inbound, Outbound

RefusalReason = Literal["TierRefused", "PortsUnknown", "PeerRefuses", "PeerMissing", "NotInMesh"]
SEVERITY: Final[tuple[RefusalReason, ...]] = ("TierRefused", "PortsUnknown", "PeerRefuses", "PeerMissing", "NotInMesh")
"""The worst first. The first two leave the rule out; the others keep it, but it is not in force as it is written."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that is not, or not wholly, in force."""

    reason: RefusalReason
    message: str
    """Which rule, why, and what to do."""

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Calls:
    """The outbound list, sorted out."""

    allowed: tuple[Outbound, ...]
    refused: tuple[Refusal, ...]
    """In the order of the list. A call that only waits for its peer is allowed all the same."""


def access(domain: Domain) -> Access:
    """The access rules, or the defaults."""
    return domain.spec.access or Access()


def entrances(domain: Domain, cluster: Cluster) -> tuple[str, ...]:
    """Namespaces whose EcoIngresses may route to the domain."""
    listed = access(domain).ingress
    if listed is not None:
        return tuple(sorted({entrance.namespace for entrance in listed}))
    return tuple(sorted({domain.namespace, *cluster.entrance_namespaces}))


def refusals(domain: Domain, ctx: DomainContext) -> tuple[Refusal, ...]:
    """Everything that is to be said about the access rules, both directions."""
    return (*outbound_calls(domain, ctx).refused, *_paths_of_no_effect(domain, ctx))


def outbound_calls(domain: Domain, ctx: DomainContext) -> Calls:
    """The outbound rules the tier rule and the settings permit, and what stands against any of them."""
    allowed, refused = [], []
    for index, rule in enumerate(access(domain).outbound or ()):
        found = _forbidden(rule, domain, ctx)
        if found is None:
            allowed.append(rule)
            found = _unanswered(rule, domain, ctx)
        if found is not None:
            reason, why = found
            refused.append(Refusal(reason, f"outbound[{index}] {_target(rule, domain)}: {why}"))
    return Calls(tuple(allowed), tuple(refused))


def in_words(domain: Domain) -> str:
    """Both lists of the access rules, for a message."""
    rules = access(domain)
    callers = _listed(_caller(rule, domain) for rule in rules.inbound or ())
    return f"callers {callers}; calls {_listed(_target(rule, domain) for rule in rules.outbound or ())}"


def _forbidden(rule: Outbound, domain: Domain, ctx: DomainContext) -> tuple[RefusalReason, str] | None:
    """Why the rule is left out."""
    caller = domain.spec.tier
    peer = ctx.peers.get(_place(rule, domain)) if rule.domain is not None else None
    target = "data" if rule.data is not None else peer.tier if peer is not None else None
    if target is not None and not tier_allows(caller, target):
        return "TierRefused", (
            f"tier {caller} may not call tier {target}, only {allowed_targets(caller)}: "
            "remove the rule, or correct spec.tier of the caller or the target"
        )
    if rule.data is not None and not ctx.cluster.store_ports.get(rule.data):
        # An empty list of ports would open every port.
        return "PortsUnknown", f"the operator knows no ports of {rule.data}: add them to the setting ECO2_STORE_PORTS"
    return None


def _unanswered(rule: Outbound, domain: Domain, ctx: DomainContext) -> tuple[RefusalReason, str] | None:
    """Why an allowed call does not get through yet."""
    if rule.domain is None:
        return None
    namespace, _ = _place(rule, domain)
    peer = ctx.peers.get((namespace, rule.domain))
    if peer is None:
        return "PeerMissing", (
            f"no EcoDomain in namespace {namespace} has the label domain={rule.domain} yet: "
            "create it, or correct the rule"
        )
    own = domain_label(domain)
    if (domain.namespace, own) in peer.callers:
        return None
    return "PeerRefuses", (  # its pods' account is named after it
        f"it does not list this caller: add {{domain: {own}, namespace: {domain.namespace}}} "
        f"to spec.access.inbound of the EcoDomain {peer.service_account} in namespace {namespace}"
    )


def _paths_of_no_effect(domain: Domain, ctx: DomainContext) -> list[Refusal]:
    """A NetworkPolicy knows no paths: without a mesh a caller that may call one may call all."""
    inbound = access(domain).inbound or ()
    limited = [f"inbound[{index}]" for index, rule in enumerate(inbound) if rule.paths is not None]
    if not limited or not ports(domain.spec) or in_force(AUTHORIZATION_POLICY, ctx):
        return []
    cause = (
        "the cluster serves no AuthorizationPolicy: install Istio's CustomResourceDefinitions"
        if ctx.meshed
        else f"the pods are in no mesh: label the namespace {domain.namespace} with istio-injection=enabled"
    )
    message = f"{', '.join(limited)}: paths are not enforced and these callers may call every path, since {cause}"
    return [Refusal("NotInMesh", message)]


def _place(rule: Outbound | Inbound, domain: Domain) -> tuple[str, str]:
    return rule.namespace or domain.namespace, rule.domain or ""


def _target(rule: Outbound, domain: Domain) -> str:
    if rule.data is not None:
        return f"data: {rule.data}"
    if rule.external is not None:
        return f"external: {rule.external}"
    if rule.cidr is not None:
        return f"cidr: {rule.cidr}, port: {rule.port}"
    return f"domain: {rule.domain} in {rule.namespace or domain.namespace}"


def _caller(rule: Inbound, domain: Domain) -> str:
    paths = f" ({', '.join(sorted(rule.paths))})" if rule.paths is not None else ""
    return f"domain: {rule.domain} in {rule.namespace or domain.namespace}{paths}"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(items)) or "none"
