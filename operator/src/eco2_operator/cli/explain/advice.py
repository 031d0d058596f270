"""What the access rules of EcoDomains say about a call, and what to add to which. Pure."""

from eco2_operator.build.access import access, entrances, outbound_calls
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import domain_label
from eco2_operator.build.scraping import scraping
from eco2_operator.build.tiers import allowed_targets, tier_allows
from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ends import Addresses, Call, Pods
from eco2_operator.model.access import Outbound
from eco2_operator.model.domain import Tier

_FINAL = ("TierRefused", "PortsUnknown")
"""Refusals that leave a rule out; the others are about the other end."""


def title(domain: Domain) -> str:
    """How messages name a domain."""
    return f"EcoDomain {domain.namespace}/{domain.name}"


def lacking_outbound(domain: Domain, ctx: DomainContext, call: Call) -> str:
    """What the caller's rules lack for the call; empty when they list it."""
    listed = [i for i, rule in enumerate(access(domain).outbound or ()) if _names(rule, domain, call)]
    if listed:
        marks = tuple(f"outbound[{index}] " for index in listed)
        refused = [r for r in outbound_calls(domain, ctx).refused if r.reason in _FINAL and str(r).startswith(marks)]
        return f"{title(domain)}: {refused[0]}" if len(refused) == len(listed) else ""
    tier = _tier(call)
    if tier is not None and not tier_allows(domain.spec.tier, tier):
        own = domain.spec.tier
        return (
            f"no entry helps: tier {own} of {title(domain)} may call only {allowed_targets(own)}, and this is tier"
            f" {tier}; correct the tier, or have the call the other way round"
        )
    return f"add {_entry(domain, call)} to spec.access.outbound of {title(domain)}"


def _names(rule: Outbound, domain: Domain, call: Call) -> bool:
    """Whether an outbound rule is about what is called."""
    target = call.target
    if isinstance(target, Addresses):
        if rule.external is not None:
            return target.external and call.port.number == 443
        inside = rule.cidr is not None and not ranges.minus(target.ranges, ranges.of(rule.cidr))
        return inside and rule.port == call.port.number
    if target.store:
        return rule.data == target.store
    if target.domain is None or rule.domain is None:
        return False
    place = (rule.namespace or domain.namespace, rule.domain)
    return place == (target.namespace, domain_label(target.domain))


def _tier(call: Call) -> Tier | None:
    if isinstance(call.target, Addresses):
        return None
    if call.target.store:
        return "data"
    return call.target.domain.spec.tier if call.target.domain is not None else None


def _entry(domain: Domain, call: Call) -> str:
    target = call.target
    if isinstance(target, Addresses):
        return "{external: https}" if target.external else f"{{cidr: {_cidr(target)}, port: {call.port.number}}}"
    if target.store:
        return f"{{data: {target.store}}}"
    label = domain_label(target.domain) if target.domain is not None else target.namespace
    return f"{{domain: {label}, namespace: {target.namespace}}}"


def _cidr(target: Addresses) -> str:
    return ranges.text(target.ranges)


def lacking_inbound(domain: Domain, ctx: DomainContext, call: Call) -> str:
    """What the target's rules lack for the call; empty when they list it."""
    source = call.source
    if isinstance(source, Addresses):
        return "nobody outside reaches its pods directly: let an EcoIngress route to it"
    if source.role == "gateway":
        if domain.spec.workload == "worker":
            return f"{title(domain)} is a worker: nothing routes to it"
        if entrances(domain, ctx.cluster):
            return ""
        return f"add the namespaces of the EcoIngresses to spec.access.ingress of {title(domain)}"
    if source.role == "prometheus":
        return _lacking_scraping(domain, call)
    if source.domain is None or _listed(domain, source):
        return ""
    entry = f"{{domain: {domain_label(source.domain)}, namespace: {source.namespace}}}"
    return f"add {entry} to spec.access.inbound of {title(domain)}"


def _lacking_scraping(domain: Domain, call: Call) -> str:
    where = scraping(domain.spec)
    if where is None:
        return f"{title(domain)} has no metrics: set spec.metrics with a path and a port"
    if where.port.port != call.port.number:
        return f"Prometheus may read port {where.port.port} of {title(domain)} alone: correct spec.metrics.port"
    return ""


def lacking_path(domain: Domain, ctx: DomainContext, call: Call) -> str:
    """The same for the paths, which a proxy knows and a NetworkPolicy does not."""
    lack = lacking_inbound(domain, ctx, call)
    if lack or call.path is None or not isinstance(call.source, Pods):
        return lack
    places = _listed(domain, call.source)
    limits = [limit for _, paths in places for limit in paths or ()]
    if not limits or any(paths is None for _, paths in places):
        return ""
    if any(call.path == limit or (limit.endswith("*") and call.path.startswith(limit[:-1])) for limit in limits):
        return ""
    index = places[0][0]
    return f"add {call.path} to spec.access.inbound[{index}].paths of {title(domain)}"


def _listed(domain: Domain, source: Pods) -> list[tuple[int, list[str] | None]]:
    """The entries that let the caller in, each with its paths."""
    if source.domain is None:
        return []
    caller = (source.namespace, domain_label(source.domain))
    return [
        (index, rule.paths)
        for index, rule in enumerate(access(domain).inbound or ())
        if (rule.namespace or domain.namespace, rule.domain) == caller
    ]
