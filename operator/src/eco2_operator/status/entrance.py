"""The status of an EcoIngress, from who has its hosts, where its routes lead, and what was applied. Pure.

`Accepted`: it has its hosts. `RoutesResolved`: every route leads to a domain. `Programmed`: what leads there is made,
and there is somebody to answer. `Ready` is True when all three are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eco2_operator.build.entrance.context import Entrance, Target, Unresolved
from eco2_operator.claims import Claims
from eco2_operator.errors import ChildError
from eco2_operator.model.ingress import Route
from eco2_operator.model.status import Status
from eco2_operator.naming import Manifest
from eco2_operator.outcomes import Outcome
from eco2_operator.status.conditions import Fact, Truth, merge
from eco2_operator.status.inventory import inventory

_REFUSED: Final = ("RouteRefused", "NoService")
"""Why a route leads nowhere until somebody acts; otherwise something is still to come."""
_ON_THE_WAY: Final = frozenset(
    {
        "DomainMissing",
        "PortUnknown",
        "GatewayNotFound",
        "CertificateMissing",
        "WaitingForGateway",
        "WaitingForLoadBalancer",
        "ApiUnavailable",
        "Conflict",
        "NamespaceGone",
    }
)
"""Reasons that pass by themselves, or as soon as something arrives."""
_LONGEST_MESSAGE: Final = 1024
"""Characters a route may say."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that others make and that is not there."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What was found in one reconcile."""

    claims: Claims
    targets: Mapping[str, Target | Unresolved]
    """By path."""
    outcomes: Sequence[Outcome] = ()
    missing_kinds: Sequence[str] = ()
    """Kinds it needs and the cluster does not serve: nothing was done."""
    fault: ChildError | None = None
    """Why what the entrances of the gateway share is not as wanted."""
    lack: Lack | None = None
    pending: str = ""
    """What the routes wait for."""
    balancers: Sequence[Manifest] = field(default=())
    """The live Ingresses."""


def of_entrance(entrance: Entrance, seen: Observation, *, previous: Mapping[str, Any], now: str) -> Status:
    """The whole status; equal to ``previous`` when nothing changed.

    Args:
        now: RFC 3339 in UTC.
    """
    parts = (_accepted(seen.claims), _resolved(entrance, seen.targets), _programmed(seen))
    conditions = merge(
        [*_summary(parts), *parts], previous.get("conditions") or (), generation=entrance.generation, now=now
    )
    return {
        "observedGeneration": entrance.generation,
        "conditions": conditions,
        "inventory": inventory(seen.outcomes, previous),
        "routes": [_route(route, seen.targets.get(route.path), parts[-1]) for route in entrance.spec.routes],
    }


def _accepted(claims: Claims) -> Fact:
    if not claims.refused:
        return Fact("Accepted", "True", "Accepted", f"has {', '.join(claims.hosts)}")
    return Fact("Accepted", "False", claims.refused[0].reason, "; ".join(map(str, claims.refused)))


def _resolved(entrance: Entrance, targets: Mapping[str, Target | Unresolved]) -> Fact:
    """The first that somebody has to act on gives the reason; else the first that something is still missing for."""
    found = ((route, targets.get(route.path)) for route in entrance.spec.routes)
    unresolved = [(route, target) for route, target in found if isinstance(target, Unresolved)]
    if not unresolved:
        return Fact("RoutesResolved", "True", "Resolved", f"{len(entrance.spec.routes)} routes lead where they should")
    unresolved.sort(key=lambda one: one[1].reason not in _REFUSED)
    message = "; ".join(f"{route.path}: {target.message}" for route, target in unresolved)
    return Fact("RoutesResolved", "False", unresolved[0][1].reason, message)


def _programmed(seen: Observation) -> Fact:
    reason, message = next(_obstacles(seen), ("", ""))
    if reason:
        return Fact("Programmed", "False", reason, message)
    return Fact("Programmed", "True", "Programmed", f"{', '.join(seen.claims.hosts)} answers")


def _obstacles(seen: Observation) -> Iterator[tuple[str, str]]:
    """Why requests do not get through, as reason and message: first what explains most."""
    failed = [outcome.error for outcome in seen.outcomes if outcome.error is not None]
    if seen.missing_kinds:
        yield (
            "KindMissing",
            f"the cluster does not serve {', '.join(seen.missing_kinds)}: "
            "install Istio's CustomResourceDefinitions, then it goes on by itself",
        )
    if failed:
        yield failed[0].reason, "; ".join(map(str, failed))
    if not seen.claims.hosts:
        yield seen.claims.refused[0].reason, "it has no host, so nothing is made"
    if seen.fault is not None:
        yield seen.fault.reason, str(seen.fault)
    if seen.lack is not None:
        yield seen.lack.reason, seen.lack.message
    if seen.pending:
        yield "WaitingForGateway", seen.pending
    waiting = [_named(ingress) for ingress in seen.balancers if not _address(ingress)]
    if waiting:
        yield (
            "WaitingForLoadBalancer",
            f"{', '.join(waiting)} has no address yet: "
            "see that the AWS Load Balancer Controller runs, and the events of the Ingress",
        )


def _named(ingress: Manifest) -> str:
    return f"Ingress {ingress['metadata']['namespace']}/{ingress['metadata']['name']}"


def _address(ingress: Manifest) -> Any:
    return ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress")


def _summary(parts: Sequence[Fact]) -> list[Fact]:
    """Ready, Reconciling and Stalled; what somebody has to act on gives the reason, if there is such a thing."""
    ill = [fact for fact in parts if fact.status == "False"]
    if not ill:
        return [
            Fact("Ready", "True", "Ready", parts[-1].message),
            Fact("Reconciling", "False", "Done", "nothing to do"),
            Fact("Stalled", "False", "Done", "nothing stands in the way"),
        ]
    stalled = [fact for fact in ill if fact.reason not in _ON_THE_WAY]
    flags: tuple[Truth, Truth] = ("False", "True") if stalled else ("True", "False")
    first = (stalled or ill)[0]
    return [
        Fact("Ready", "False", first.reason, first.message),
        Fact("Reconciling", flags[0], first.reason, first.message),
        Fact("Stalled", flags[1], first.reason, first.message if stalled else "nothing stands in the way"),
    ]


def _route(route: Route, target: Target | Unresolved | None, programmed: Fact) -> Manifest:
    if route.deny:
        return {"path": route.path, "state": "Denied"}
    if isinstance(target, Unresolved):
        state = "Refused" if target.reason in _REFUSED else "Pending"
        return {"path": route.path, "state": state, "message": f"{target.reason}: {target.message}"[:_LONGEST_MESSAGE]}
    if programmed.status == "True":
        return {"path": route.path, "state": "Programmed"}
    return {"path": route.path, "state": "Pending", "message": f"{programmed.reason}: see the condition Programmed"}
