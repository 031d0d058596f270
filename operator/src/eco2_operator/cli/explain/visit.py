"""A request from outside by its URL: who has the host, which route takes the path, and what it has to pass. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eco2_operator.cli.explain import authorization_policy, paths
from eco2_operator.cli.explain.authorization_policy import name
from eco2_operator.cli.explain.authorization_rules import Request
from eco2_operator.cli.explain.ends import Addresses, Call, Pods
from eco2_operator.cli.explain.entrance import Gateways, inside, route_step
from eco2_operator.cli.explain.gates import World
from eco2_operator.cli.explain.hosts import Taker
from eco2_operator.cli.explain.listener import listener
from eco2_operator.cli.explain.names import SCHEMES, Named
from eco2_operator.cli.explain.routes import Live, explained
from eco2_operator.cli.explain.verdict import Step, Way
from eco2_operator.model import ingress


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and who takes it."""

    url: Named
    source: Addresses
    method: str
    taker: Taker

    @property
    def path(self) -> str:
        """As it is compared with routes: a gateway brings it into its plain form first."""
        path = self.url.path or "/"
        return path if self.taker.view.is_direct else paths.plain(path)

    @property
    def route(self) -> ingress.Route | None:
        """The route that takes the path."""
        return paths.taken_by(self.taker.view.entrance.spec.routes, self.path)

    @property
    def is_refused(self) -> bool:
        """Whether the path is one that a gateway does not even look at."""
        return not self.taker.view.is_direct and paths.ESCAPED_SLASH.search(self.url.path or "") is not None


def way(visit: Visit, live: Live, world: World, gateways: Gateways, call: Call | None) -> Way:
    """Every step of the request.

    Args:
        call: from outside to the pods of the domain of the route, where it leads to one.
    """
    view, url = visit.taker.view, visit.url
    where = "the load balancer" if view.is_direct else f"the gateway in namespace {view.scope.namespace}"
    title = f"{url.name}{url.path} through {where}"
    return Way(title, tuple(_steps(visit, live, world, gateways, call)))


def nobody(url: Named, wanted: Sequence[str]) -> Way:
    """The way of a request for a host that no EcoIngress has.

    Args:
        wanted: who wants it, and why it does not have it.
    """
    text = "; ".join(wanted) or "no EcoIngress has it"
    todo = "" if wanted else f"add {url.name} to spec.hosts of an EcoIngress"
    return Way(f"{url.name}{url.path}", (Step(f"host {url.name}", False, (), text, todo),))


def _steps(visit: Visit, live: Live, world: World, gateways: Gateways, call: Call | None) -> Iterator[Step]:
    view = visit.taker.view
    said = "" if visit.taker.host == visit.url.name else f" by {visit.taker.host}"
    yield Step(f"host {visit.url.name}", True, (view.title,), f"belongs to it{said}")
    yield listener(view, visit.url)
    if visit.is_refused:
        yield Step("path", False, (), "the gateway refuses escaped slashes (400)", "send the path without %2F and %5C")
        return
    if visit.path != visit.url.path:
        yield Step("path", True, (), f"the gateway takes it for {visit.path}")
    if visit.route is None:
        todo = f"add a route for it to {view.title}"
        yield Step(f"route of {view.title}", False, (view.title,), f"no route takes {visit.path} (404)", todo)
        return
    found = explained(view, visit.route, visit.path, live)
    yield route_step(found)
    if not view.is_direct:
        yield _authorization(visit, visit.route, world, gateways[found.gateway])
    if call is not None:
        yield from inside(call, world, found, gateways)


def _authorization(visit: Visit, route: ingress.Route, world: World, gateway: Pods) -> Step:
    """What the live policies at the gateway say: ext-authz is asked, a request is denied, or neither."""
    request = Request(
        principal="",
        addresses=visit.source.ranges,
        port=visit.url.port or SCHEMES[visit.url.scheme or "https"],
        http=True,
        path=visit.path,
        method=visit.method,
        host=visit.url.name,
    )
    policies, root = world.authorization_policies, world.cluster.istiod_namespace
    found = authorization_policy.decide(policies, gateway, request, root=root)
    asked = authorization_policy.asking(policies, gateway, request, root=root)
    view, notes = visit.taker.view, list(found.notes)
    if not asked and not (route.public or route.deny):
        entrance = view.entrance
        notes.append(f"nobody is asked about it yet: `eco2 status ingress {entrance.name} -n {entrance.namespace}`")
    objects = tuple(map(name, (*found.deciding, *asked)))
    gate = f"authorization of {gateway.title}"
    text = "a token is asked for" if asked else "nobody is asked"
    if not found.allowed:
        text = "a rule denies it" if found.denied else "no rule lets it pass"
    return Step(gate, found.allowed, objects, text, notes=tuple(notes))
