"""EcoIngresses in a line each, and as a tree: routes, objects, and what is wrong with them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.build.entrance import envoy_filter
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.status.summary import readiness
from eco2_operator.cli.status.tree import Branch, child_branch
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS
from eco2_operator.naming import Manifest, Ref

ANSWERING = ("Programmed", "Denied")
"""States of routes that do what the spec says."""


@dataclass(frozen=True, slots=True)
class EntranceSummary:
    """What the table shows of one EcoIngress."""

    namespace: str
    name: str
    ready: str
    """True, False or Unknown."""
    reason: str
    message: str
    hosts: tuple[str, ...]
    """As the spec has them."""
    routes: tuple[Mapping[str, Any], ...]
    """Each with its path and, where the operator has seen it, its state and message."""
    created_at: str

    @property
    def is_ready(self) -> bool:
        """Whether all is well."""
        return self.ready == "True"

    @property
    def answering(self) -> int:
        """Routes that do what the spec says."""
        return sum(route.get("state") in ANSWERING for route in self.routes)

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        return {
            "kind": ECO_INGRESS.name,
            "namespace": self.namespace,
            "name": self.name,
            "ready": self.ready,
            "reason": self.reason,
            "message": self.message,
            "hosts": list(self.hosts),
            "routes": [dict(route) for route in self.routes],
            "createdAt": self.created_at,
        }


def summarize_entrance(ingress: Mapping[str, Any]) -> EntranceSummary:
    """Sum up an EcoIngress as the API server has it."""
    metadata, spec, status = ingress["metadata"], ingress["spec"], ingress.get("status") or {}
    ready, reason, message = readiness(metadata, status)
    # What was said about the routes of an older spec says nothing about these.
    known = {route["path"]: route for route in status.get("routes") or ()} if ready != "Unknown" else {}
    return EntranceSummary(
        namespace=metadata["namespace"],
        name=metadata["name"],
        ready=ready,
        reason=reason,
        message=message,
        hosts=tuple(spec["hosts"]),
        routes=tuple(known.get(route["path"], {"path": route["path"]}) for route in spec["routes"]),
        created_at=metadata.get("creationTimestamp") or "",
    )


def entrance_tree(
    summary: EntranceSummary,
    ingress: Mapping[str, Any],
    children: Iterable[tuple[Mapping[str, Any], Manifest | None]],
    shared: Iterable[Branch],
    events: Mapping[str, str],
) -> Branch:
    """An EcoIngress with everything below it.

    Args:
        children: each entry of its inventory with the live object, None when that is gone.
        shared: what it shares with others.
        events: last warning about an object, by the object's uid.
    """
    own = ingress["metadata"]["namespace"]
    spec = {route["path"]: route for route in ingress["spec"]["routes"]}
    routes = (_route(own, spec[route["path"]], route) for route in summary.routes)
    objects = (child_branch(item, live, event=_event(live, events)) for item, live in children)
    return Branch(
        ECO_INGRESS.name,
        summary.namespace,
        summary.name,
        f"Ready={summary.ready} {summary.reason}".rstrip(),
        summary.is_ready,
        "" if summary.is_ready else _event(ingress, events),
        (*routes, *objects, *shared),
        {"hosts": list(summary.hosts)},
    )


def _route(own: str, spec: Mapping[str, Any], seen: Mapping[str, Any]) -> Branch:
    state, kind = seen.get("state") or "Unknown", "service" if spec.get("service") else "domain"
    target = spec.get(kind) or {}
    to = f"{target.get('namespace') or own}/{target['name']}" if target else ""
    what = "Service" if kind == "service" else ECO_DOMAIN.name
    text = f"{state}, to {what} {to}{', public' if spec.get('public') else ''}" if to else state
    facts = {kind: to or None, "public": bool(spec.get("public"))}
    return Branch("Route", own, spec["path"], text, state in ANSWERING, seen.get("message", ""), facts=facts)


def shared_branch(ingress: Mapping[str, Any], ref: Ref, live: Manifest | None) -> Branch:
    """The EnvoyFilter of its gateway, which lets its routes answer, or does not yet."""
    lets_in = gateways.id_of(ingress) in envoy_filter.said(live)
    state = f"{'lets it in' if lets_in else 'does not let it in'}, shared by all of its gateway"
    return Branch(ref.kind, ref.namespace, ref.name, "missing" if live is None else state, lets_in)


def _event(live: Mapping[str, Any] | None, events: Mapping[str, str]) -> str:
    return events.get(live["metadata"].get("uid", ""), "") if live is not None else ""
