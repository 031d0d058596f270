"""What `eco2 explain` answers about a URL: one way for each EcoIngress that has its host."""

from eco2_operator.build.entrance.context import Target
from eco2_operator.cli.explain.ends import Addresses, Call, Pods, port_of
from eco2_operator.cli.explain.entrance import Gateways
from eco2_operator.cli.explain.hosts import refused, takers
from eco2_operator.cli.explain.names import Named
from eco2_operator.cli.explain.read import Surroundings
from eco2_operator.cli.explain.routes import Live, live_routes, target
from eco2_operator.cli.explain.verdict import Verdict, Way
from eco2_operator.cli.explain.visit import Visit, nobody, way


def to_url(around: Surroundings, source: Addresses, url: Named, method: str) -> Verdict:
    """Whether a request from outside arrives, and where."""
    found = takers(around.entrances.all, url.name)
    if not found:
        return Verdict((nobody(url, list(refused(around.entrances.all, url.name))),))
    live = live_routes(around.virtual_services())
    return Verdict(tuple(_way(around, Visit(url, source, method, taker), live) for taker in found))


def _way(around: Surroundings, visit: Visit, live: Live) -> Way:
    view = visit.taker.view
    gateways: Gateways = {} if view.is_direct else {view.scope: around.gateway(view.scope)}
    call = _call(around, visit)
    ends = [end for end in (*gateways.values(), call and call.target) if isinstance(end, Pods)]
    return way(visit, live, around.world(*ends), gateways, call)


def _call(around: Surroundings, visit: Visit) -> Call | None:
    """The call to a domain that the request becomes; None where its route leads to none."""
    view, route = visit.taker.view, visit.route
    if route is None or not isinstance(view.ctx.targets.get(route.path), Target):
        return None
    namespace, name = target(view, route)
    domain = around.domain(Named("domain", name, namespace))
    return Call(visit.source, around.pods_of_domain(domain), port_of(domain, route.port), visit.path, visit.method)
