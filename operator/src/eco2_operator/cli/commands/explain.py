"""``eco2 explain``: whether a call is allowed, and which object decides."""

from collections.abc import Sequence

import click

from eco2_operator.build.scraping import scraping
from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.errors import DIFFERS, DONE, CliError
from eco2_operator.cli.explain import names, ranges
from eco2_operator.cli.explain.by_url import to_url
from eco2_operator.cli.explain.ends import Addresses, Call, End, Pods, Port, port_of
from eco2_operator.cli.explain.entrance import from_outside
from eco2_operator.cli.explain.gates import judge
from eco2_operator.cli.explain.layout import as_data, show_verdict
from eco2_operator.cli.explain.names import Named
from eco2_operator.cli.explain.read import Surroundings
from eco2_operator.cli.explain.routes import live_routes, to_domain
from eco2_operator.cli.explain.verdict import Step, Verdict, Way
from eco2_operator.cli.explain.virtual_services import of_virtual_services
from eco2_operator.cli.options import Target, cluster_options, output_option
from eco2_operator.cli.output import emit


@click.command("explain")
@click.argument("source", metavar="FROM")
@click.argument("called", metavar="TO")
@click.option("--port", "wanted", metavar="NAME|NUMBER", help="Port of the called domain or store; default its first.")
@click.option("--method", default="GET", show_default=True, help="HTTP method.")
@output_option("table", "json", "yaml")
@cluster_options
def command(target: Target, source: str, called: str, wanted: str | None, method: str, output: str) -> None:
    """Say whether a call is allowed, and which object decides.

    FROM is an EcoDomain (NAME or NAMESPACE/NAME), gateway, prometheus, internet or an IP address. TO is an EcoDomain,
    with a path if you like (NAMESPACE/NAME:/api/v1/x), data:postgres, external:https or cidr:10.1.2.3:443; from outside
    also a URL or HOST/PATH: which EcoIngress has the host, which of its routes takes the path, and where it leads.

    It is read off the live NetworkPolicies, AuthorizationPolicies, PeerAuthentications and routes, whoever made them;
    for a refusal it says what to add where. Exit code 0 when the call is allowed, 1 when it is not.
    """
    ends = names.caller(source), names.called(called)
    with Reader.connect(target) as reader:
        verdict = _answer(Surroundings.read(reader), *ends, wanted, method)
    if output == "table":
        show_verdict(source, called, verdict)
    else:
        emit(as_data(source, called, verdict), output)
    raise SystemExit(DONE if verdict.allowed else DIFFERS)


def _answer(around: Surroundings, caller: Named, called: Named, wanted: str | None, method: str) -> Verdict:
    source = _source(around, caller)
    if called.sort == "url":
        return _to_url(around, source, called, wanted, method)
    if called.sort == "domain":
        return _to_domain(around, source, caller, called, wanted, method)
    if isinstance(source, Addresses):
        raise CliError("a call from the internet to something else than an EcoDomain is not for this cluster to decide")
    targets, port = _to_something(around, called, wanted)
    if not targets:
        todo = f"kubectl label namespace NAME data-type={called.name}"
        step = Step("target", False, (), f"no namespace has the label data-type={called.name}", todo)
        return Verdict((Way(f"to {called.name}", (step,)),))
    world = around.world(*(end for end in (source, *targets) if isinstance(end, Pods)))
    ways = (Way(f"to {end.title}, port {port.number}", judge(Call(source, end, port), world)) for end in targets)
    return Verdict(tuple(ways), every=True)


def _source(around: Surroundings, caller: Named) -> End:
    match caller.sort:
        case "gateway":
            return around.gateway()
        case "prometheus":
            return around.prometheus()
        case "internet":
            return Addresses("the internet", ranges.outside(around.cluster.cluster_cidrs), external=True)
        case "range":
            return Addresses(caller.name, ranges.of(caller.name))
    return around.pods_of_domain(around.domain(caller))


def _to_something(around: Surroundings, called: Named, wanted: str | None) -> tuple[Sequence[End], Port]:
    if called.sort == "external":
        outside = ranges.outside(around.cluster.cluster_cidrs)
        return [Addresses("everything outside the cluster", outside, external=True)], Port(443)
    if called.sort == "range":
        return [Addresses(called.name, ranges.of(called.name))], Port(called.port)
    known = around.cluster.store_ports.get(called.name)
    if not known:
        stores = ", ".join(sorted(around.cluster.store_ports))
        raise CliError(f"data:{called.name}: no such store is known: use one of {stores}, or set ECO2_STORE_PORTS")
    if wanted is not None and not wanted.isdecimal():
        raise CliError(f"--port {wanted}: name the port of a store by its number")
    port = Port(int(wanted) if wanted is not None else known[0])
    return around.stores(called.name, port.number), port


def _to_domain(
    around: Surroundings, source: End, caller: Named, called: Named, wanted: str | None, method: str
) -> Verdict:
    domain = around.domain(called)
    target, path = around.pods_of_domain(domain), called.path
    if caller.sort == "prometheus" and (scraped := scraping(domain.spec)) is not None and wanted is None:
        wanted, path = scraped.port.name, path or scraped.path
    port = port_of(domain, wanted)
    call = Call(source, target, port, path, method)
    if isinstance(source, Pods):
        steps = judge(call, around.world(source, target))
        return Verdict((Way(f"to {target.title}, port {port.number}", steps),))
    services = around.virtual_services()
    routes = [
        *to_domain(around.entrances.all, domain, path, live_routes(services)),
        *of_virtual_services(services, domain, path),
    ]
    gateways = {scope: around.gateway(scope) for scope in (None, *(route.gateway for route in routes))}
    world = around.world(*gateways.values(), target)
    return from_outside(call, world, routes=routes, gateways=gateways, node_port=around.node_port(domain, port.name))


def _to_url(around: Surroundings, source: End, url: Named, wanted: str | None, method: str) -> Verdict:
    if not isinstance(source, Addresses):
        raise CliError(
            "a URL is for calls from outside: let FROM be internet or an IP address;"
            " inside the cluster name the EcoDomain that is called"
        )
    if wanted is not None:
        raise CliError(f"--port {wanted}: the port that a URL leads to is named by the route of the EcoIngress")
    return to_url(around, source, url, method)
