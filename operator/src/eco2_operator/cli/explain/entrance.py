"""Calls from outside the cluster: by the routes there are, and straight to a node port. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eco2_operator.claims import Scope
from eco2_operator.cli.explain import ranges
from eco2_operator.cli.explain.ends import Addresses, Call, Pods
from eco2_operator.cli.explain.gates import World, judge
from eco2_operator.cli.explain.routes import Route
from eco2_operator.cli.explain.verdict import Step, Verdict, Way

Gateways = Mapping[Scope | None, Pods]
"""The pods of each gateway; None stands for the one in the settings."""


def from_outside(
    call: Call, world: World, *, routes: Sequence[Route], gateways: Gateways, node_port: int | None
) -> Verdict:
    """Whether a call from outside reaches a domain on one of its ways.

    Args:
        call: with the outside as its source.
        routes: what leads to the domain, or refuses the path.
        gateways: the pods of every gateway of the routes.
        node_port: at which the nodes serve the port that is called.
    """
    ways = [_by_route(call, world, route, gateways) for route in routes]
    if not routes:
        ways.append(Way("through the gateway", (_no_route(call),)))
    if node_port is not None:
        ways.append(Way(f"straight to node port {node_port}", judge(call, world)))
    return Verdict(tuple(ways))


def _by_route(call: Call, world: World, route: Route, gateways: Gateways) -> Way:
    title = f"{', '.join(route.hosts)}{route.prefix} through the {route.way}"
    return Way(title, (route_step(route), *inside(call, world, route, gateways)))


def route_step(route: Route) -> Step:
    """What a route says."""
    objects = (route.owner, *route.objects)
    return Step(f"route of {route.owner}", route.leads, objects, route.text, route.todo, route.notes)


def inside(call: Call, world: World, route: Route, gateways: Gateways) -> tuple[Step, ...]:
    """The gates between the gateway, or the load balancer, and the domain."""
    source: Pods | Addresses
    if route.way == "load balancer":
        source = Addresses("the load balancer", ranges.of(*world.cluster.alb_source_cidrs))
    else:
        source = gateways[route.gateway]
    return judge(replace(call, source=source, path=route.path), world)


def _no_route(call: Call) -> Step:
    domain = call.target.domain if isinstance(call.target, Pods) else None
    text = "no EcoIngress and no VirtualService of a gateway leads there"
    if domain is None:
        return Step("routes", False, (), text, "only EcoDomains have routes")
    path, place = call.path or "/...", f"{{name: {domain.name}, namespace: {domain.namespace}}}"
    return Step("routes", False, (), text, f"add the route {{path: {path}, domain: {place}}} to an EcoIngress")
