"""The AuthorizationPolicy: which callers of the mesh may call which paths.

ALLOW with rules: what no rule names is refused, so plain text, which has no principal, gets no further than the rules
without ``from``. Istio matches ports of the container, and paths without their query, after normalisation:
https://istio.io/latest/docs/reference/config/security/normalization/. On a port that speaks no HTTP a rule with paths
or methods is skipped, which refuses the call.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from eco2_operator.build.access import access, entrances
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.mesh import (
    KEYS_PATH,
    in_force,
    load_balancer_ranges,
    plain_metrics,
    reads_keys,
    serves_keys,
)
from eco2_operator.build.ports import ports
from eco2_operator.kinds import AUTHORIZATION_POLICY
from eco2_operator.naming import Manifest, child_name

DRY_RUN: Final = "istio.io/dry-run"
"""Istio logs what the policy would refuse, and refuses nothing."""


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The policy of the domain's pods; None outside a mesh and without ports, where there is nothing to reach."""
    if not ports(domain.spec) or not in_force(AUTHORIZATION_POLICY, ctx):
        return None
    shadow = access(domain).enforcement == "shadow"
    return {
        "apiVersion": AUTHORIZATION_POLICY.api_version,
        "kind": AUTHORIZATION_POLICY.name,
        "metadata": metadata(domain, "access", annotations={DRY_RUN: "true"} if shadow else None),
        "spec": {
            "selector": {"matchLabels": selector(domain)},
            "action": "ALLOW",
            # Without rules everything is refused. Written even then: a rule somebody adds is taken out again.
            "rules": [*_gateway(domain, ctx), *_callers(domain, ctx), *_plain_text(domain, ctx)],
        },
    }


def _gateway(domain: Domain, ctx: DomainContext) -> Iterator[Manifest]:
    """The gateway, for every path: which of them it routes is for the EcoIngresses to say."""
    if domain.spec.workload == "service" and ctx.cluster.gateway_principal and entrances(domain, ctx.cluster):
        yield {"from": _principals([ctx.cluster.gateway_principal])}


def _callers(domain: Domain, ctx: DomainContext) -> Iterator[Manifest]:
    """One rule for each set of paths; several entries of one caller add up."""
    allowed: dict[str, set[str] | None] = {}
    for rule in access(domain).inbound or ():
        if reads_keys(rule):
            continue
        principal = _principal(rule.namespace or domain.namespace, rule.domain, ctx)
        known = allowed.get(principal, set())
        allowed[principal] = None if rule.paths is None or known is None else known | set(rule.paths)
    alike: dict[tuple[str, ...], list[str]] = {}
    for principal, limits in allowed.items():
        alike.setdefault(tuple(sorted(limits or ())), []).append(principal)
    for paths, principals in sorted(alike.items()):
        to = {"to": _operations(paths=paths)} if paths else {}
        yield {"from": _principals(principals), **to}


def _principal(namespace: str, label: str, ctx: DomainContext) -> str:
    """Who a caller's pods are in the mesh; of a domain that is not there yet, who they most likely will be."""
    peer = ctx.peers.get((namespace, label))
    account = peer.service_account if peer is not None else child_name(label)
    return f"{ctx.cluster.trust_domain}/ns/{namespace}/sa/{account}"


def _plain_text(domain: Domain, ctx: DomainContext) -> Iterator[Manifest]:
    """What passes without an identity, for whoever the NetworkPolicy lets come so far."""
    if ranges := load_balancer_ranges(domain, ctx):
        numbers = [port.port for port in ports(domain.spec)]
        yield {"from": [{"source": {"ipBlocks": ranges}}], "to": _operations(numbers)}
    if (target := plain_metrics(domain)) is not None:
        yield {"to": _operations([target.port.port], ["GET"], [target.path])}
    if serves_keys(domain):
        yield {"to": _operations([ports(domain.spec)[0].port], ["GET"], [KEYS_PATH])}


def _principals(principals: Iterable[str]) -> list[Manifest]:
    return [{"source": {"principals": sorted(set(principals))}}]


def _operations(numbers: Iterable[int] = (), methods: Iterable[str] = (), paths: Iterable[str] = ()) -> list[Manifest]:
    fields = {"ports": [str(number) for number in sorted(numbers)], "methods": list(methods), "paths": list(paths)}
    return [{"operation": {name: values for name, values in fields.items() if values}}]
