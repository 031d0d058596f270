"""The routes of EcoIngresses: whether they let a request through, to whom, and why not. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from eco2_operator.build.context import Domain
from eco2_operator.build.entrance import scope as spec_of
from eco2_operator.build.entrance.context import Target, Unresolved
from eco2_operator.claims import Scope
from eco2_operator.cli.entrances.view import View
from eco2_operator.cli.explain import paths
from eco2_operator.cli.explain.authorization_policy import name
from eco2_operator.cli.status.summary import condition
from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.model import ingress
from eco2_operator.naming import Key, Manifest, owner_key


@dataclass(frozen=True, slots=True)
class Route:
    """One route, and whether it lets requests through to the domain."""

    owner: str
    """The object it is written in, such as ``EcoIngress platform-system/api``."""
    hosts: tuple[str, ...]
    prefix: str
    """Empty: not by path."""
    path: str | None
    """The path the domain sees; None: any below the prefix."""
    leads: bool
    text: str
    todo: str = ""
    way: Literal["gateway", "load balancer"] = "gateway"
    gateway: Scope | None = None
    """None: the one in the settings."""
    objects: tuple[str, ...] = ()
    """What carries it besides its owner."""
    notes: tuple[str, ...] = ()


Live = Mapping[Key, Manifest]
"""The live VirtualService of each EcoIngress that has one."""


def live_routes(services: Iterable[Manifest]) -> Live:
    """The VirtualServices that belong to EcoIngresses."""
    owned = ((owner_key(service), service) for service in services)
    return {owner: service for owner, service in owned if owner is not None and owner.kind == ECO_INGRESS.name}


def to_domain(views: Iterable[View], domain: Domain, path: str | None, live: Live) -> Iterator[Route]:
    """The routes that lead to a domain, or, with a path, that this belongs to."""
    for view in views:
        routes = view.entrance.spec.routes
        if path is not None:
            taken = paths.taken_by(routes, path)
            routes = [taken] if taken is not None else []
        for route in routes:
            if target(view, route) == (domain.namespace, domain.name) or (route.deny and path is not None):
                yield explained(view, route, path, live)


def target(view: View, route: ingress.Route) -> tuple[str, str]:
    """Namespace and name of the domain that a route names; of a denied one there is none."""
    to = route.domain
    return (to.namespace or view.entrance.namespace, to.name) if to is not None else ("", "")


def explained(view: View, route: ingress.Route, path: str | None, live: Live) -> Route:
    """What is to be said about a route."""
    service = live.get(view.entrance.key)
    leads, text, todo = _judge(view, route)
    return Route(
        owner=view.title,
        hosts=view.claims.hosts or tuple(view.entrance.spec.hosts),
        prefix=route.path,
        path=paths.rewritten(path, route.path, route.rewrite),
        leads=leads,
        text=f"route {route.path}: {text}",
        todo=todo,
        way="load balancer" if view.is_direct else "gateway",
        gateway=None if view.is_direct else view.scope,
        objects=(name(service),) if service is not None else (),
        notes=tuple(_notes(view, route, service, leads=leads)),
    )


def _judge(view: View, route: ingress.Route) -> tuple[bool, str, str]:
    if route.deny:
        return False, "deny: true refuses every request (403)", f"remove deny from the route in {view.title}"
    found = view.ctx.targets[route.path]
    if isinstance(found, Unresolved):
        state = view.state(route.path).lower()
        return False, f"{state}, so it answers 503: {found.reason}: {found.message}", ""
    if not view.claims.hosts:
        return False, f"its EcoIngress has no host: {'; '.join(map(str, view.claims.refused))}", ""
    programmed = condition(view.status, "Programmed")
    if programmed is None or programmed["status"] != "True":
        why = (programmed or {}).get("message") or "nothing has programmed it yet"
        entrance = view.entrance
        return False, str(why), f"`eco2 status ingress {entrance.name} -n {entrance.namespace}` says more"
    return True, f"leads to {service_of(found)}, {token(view, route)}", ""


def service_of(found: Target) -> str:
    """Where requests go, in words."""
    return f"Service {found.namespace}/{found.service}, port {found.port}"


def token(view: View, route: ingress.Route) -> str:
    """Whether a token is needed, and where it may stand."""
    if route.public:
        return "without a token"
    cookie = spec_of.auth(view.entrance).cookie
    places = f"Authorization: Bearer{f', or the cookie {cookie}' if cookie else ''}"
    return f"with a valid token ({places})"


def _notes(view: View, route: ingress.Route, service: Manifest | None, *, leads: bool) -> Iterator[str]:
    if view.entrance.suspended:
        yield f"{view.title} is suspended: what is made stays as it is"
    if leads and service is not None:
        http = [each for each in service["spec"].get("http") or () if each.get("name") == route.path]
        if not http:
            yield f"{name(service)} does not have the route yet"
    if leads and view.claims.refused:
        yield f"not for all of its hosts: {'; '.join(map(str, view.claims.refused))}"
    jwt = spec_of.auth(view.entrance).jwt
    if leads and jwt is not None and not route.public:
        yield f"the mesh verifies the token too: issuer {jwt.issuer}"
