"""What the entrances of one gateway share: who is let in, and the EnvoyFilter that comes of it. Pure.

How an entrance is let in stands here alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from eco2_operator.build.context import Cluster
from eco2_operator.build.entrance import envoy_filter, guard
from eco2_operator.build.entrance.context import Admission
from eco2_operator.build.entrance.names import entrance_id, gateway_key
from eco2_operator.build.entrance.scope import in_force
from eco2_operator.claims import Scope
from eco2_operator.cli.entrances.view import View
from eco2_operator.entrances import without_spec
from eco2_operator.gather import gateway_context
from eco2_operator.naming import Ref
from eco2_operator.plan import Plan, plan_gateway


def plan(scope: Scope, views: Iterable[View], cluster: Cluster, kept: envoy_filter.Said | None = None) -> Plan:
    """What is shared once all of these are let in.

    Args:
        kept: of whom something else is said than belongs to the present spec.
    """
    admissions = [_admission(view, (kept or {}).get(id_of(view.obj))) for view in views]
    return plan_gateway(gateway_context(scope, admissions, cluster))


def _admission(view: View, entries: frozenset[str] | None) -> Admission:
    hosts = view.claims.hosts
    if entries is None:
        entries = frozenset([guard.entry(view.entrance, hosts)] if hosts else ())
    return Admission(view.entrance, hosts, entries)


def id_of(obj: Mapping[str, Any]) -> str:
    """By which id an EcoIngress is let in."""
    return entrance_id(without_spec({**obj, "metadata": {"uid": "", **obj["metadata"]}}))


def filter_of(scope: Scope) -> Ref:
    """The EnvoyFilter of a gateway."""
    return envoy_filter.ref(gateway_key(scope.namespace, dict(scope.selector)))


def by_gateway(views: Iterable[View]) -> dict[Scope, list[View]]:
    """The entrances that have something to say at a gateway, by gateway."""
    found: dict[Scope, list[View]] = {}
    for view in views:
        if in_force(view.entrance, view.ctx):
            found.setdefault(view.scope, []).append(view)
    return found


def pods_of(scope: Scope) -> str:
    """The gateway's pods as a label selector."""
    return ",".join(f"{name}={value}" for name, value in scope.selector)
