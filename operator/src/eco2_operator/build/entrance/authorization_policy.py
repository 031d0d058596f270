"""The AuthorizationPolicies: what ext-authz is asked about, and what is refused without asking.

Both have rules of which one is enough, and every rule names the hosts: entrances share a gateway, and a policy acts
on all its requests. Asked about is whatever is not open, also paths without a route, so that a route that is added
needs no change of a policy that could come too late.
"""

from collections.abc import Sequence

from eco2_operator.build.entrance import hosts
from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.build.entrance.names import outside
from eco2_operator.build.entrance.routes import Boundaries, Region, is_denied, is_open, patterns
from eco2_operator.build.entrance.scope import gateway, in_force, provider
from eco2_operator.build.fields import given, in_order
from eco2_operator.kinds import AUTHORIZATION_POLICY
from eco2_operator.naming import Manifest


def build(entrance: Entrance, ctx: EntranceContext) -> Manifest | None:
    """The policy that has ext-authz asked; None where nothing is to be asked about, since all is open."""
    if not in_force(entrance, ctx):
        return None
    known = hosts.policy_patterns(ctx.hosts)
    openings = Boundaries.of(entrance.spec.routes, is_open)
    rules = [] if "/" in openings.outermost else [_rule(known, without=openings.outermost)]
    rules += [_region(known, region) for region in openings.without_it()]
    return _policy(entrance, outside(entrance), rules, {"action": "CUSTOM", "provider": {"name": provider(entrance)}})


def build_deny(entrance: Entrance, ctx: EntranceContext) -> Manifest | None:
    """The policy that refuses what no route lets through; None without denied routes."""
    if not in_force(entrance, ctx):
        return None
    known = hosts.policy_patterns(ctx.hosts)
    rules = [_region(known, region) for region in Boundaries.of(entrance.spec.routes, is_denied).with_it()]
    return _policy(entrance, outside(entrance, "deny"), rules, {"action": "DENY"})


def _policy(entrance: Entrance, metadata: Manifest, rules: list[Manifest], action: Manifest) -> Manifest | None:
    if not rules:
        return None
    selector = {"matchLabels": in_order(gateway(entrance).selector)}
    return {
        "apiVersion": AUTHORIZATION_POLICY.api_version,
        "kind": AUTHORIZATION_POLICY.name,
        "metadata": metadata,
        "spec": {"selector": selector, **action, "rules": rules},
    }


def _region(known: Sequence[str], region: Region) -> Manifest:
    return _rule(known, below=[region.path], without=region.without)


def _rule(known: Sequence[str], *, below: Sequence[str] = (), without: Sequence[str] = ()) -> Manifest:
    operation = given({"hosts": list(known), "paths": patterns(below), "notPaths": patterns(without)})
    return {"to": [{"operation": operation}]}
