"""Which of the listed outbound calls are allowed, and why the others are not."""

from dataclasses import dataclass

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.tiers import allowed_targets, tier_allows
from eco2_operator.model.access import Access, Outbound
from eco2_operator.model.domain import Tier


@dataclass(frozen=True, slots=True)
class Calls:
    """The outbound list, sorted out."""

    allowed: tuple[Outbound, ...]
    refused: tuple[str, ...]
    """One message for each rule that is left out: which, why, and what to do."""


def access(domain: Domain) -> Access:
    """The access rules, or the defaults."""
    return domain.spec.access or Access()


def outbound_calls(domain: Domain, ctx: DomainContext) -> Calls:
    """The outbound rules the tier rule and the settings permit."""
    allowed, refused = [], []
    for index, rule in enumerate(access(domain).outbound or ()):
        reason = _refusal(rule, domain, ctx)
        if reason is None:
            allowed.append(rule)
        else:
            refused.append(f"outbound[{index}] {_describe(rule, domain)}: {reason}")
    return Calls(tuple(allowed), tuple(refused))


def _refusal(rule: Outbound, domain: Domain, ctx: DomainContext) -> str | None:
    caller, target = domain.spec.tier, _target_tier(rule, domain, ctx)
    if target is not None and not tier_allows(caller, target):
        return (
            f"tier {caller} may not call tier {target}, only {allowed_targets(caller)}: "
            "remove the rule, or correct spec.tier of the caller or the target"
        )
    if rule.data is not None and not ctx.cluster.store_ports.get(rule.data):
        # An empty list of ports would open every port.
        return f"the operator knows no ports of {rule.data}: add them to the setting ECO2_STORE_PORTS"
    return None


def _target_tier(rule: Outbound, domain: Domain, ctx: DomainContext) -> Tier | None:
    """The target's tier; None where there is none, or for a domain that is not there yet."""
    if rule.data is not None:
        return "data"
    if rule.domain is not None:
        return ctx.peer_tiers.get((rule.namespace or domain.namespace, rule.domain))
    return None


def _describe(rule: Outbound, domain: Domain) -> str:
    if rule.data is not None:
        return f"data: {rule.data}"
    return f"domain: {rule.domain} in {rule.namespace or domain.namespace}"
