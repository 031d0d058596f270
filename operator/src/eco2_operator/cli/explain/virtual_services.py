"""What the gateway obeys besides EcoIngresses: VirtualServices of others. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from eco2_operator.build.context import Domain
from eco2_operator.cli.explain.paths import rewritten
from eco2_operator.cli.explain.routes import Route
from eco2_operator.kinds import ECO_INGRESS
from eco2_operator.naming import Manifest, owner_key


def of_virtual_services(services: Iterable[Manifest], domain: Domain, path: str | None) -> list[Route]:
    """The routes of gateways that no EcoIngress has made and that lead to the domain; of each the first that fits."""
    found = []
    for service in services:
        spec = service.get("spec") or {}
        owner = owner_key(service)
        if owner is not None and owner.kind == ECO_INGRESS.name:
            continue
        if set(spec.get("gateways") or ["mesh"]) != {"mesh"}:
            found += [route for route in _of_virtual_service(service, domain, path) if route.leads]
    return found


def _of_virtual_service(service: Manifest, domain: Domain, path: str | None) -> Iterator[Route]:
    own, name = service["metadata"]["namespace"], service["metadata"]["name"]
    for http in service["spec"].get("http") or ():
        matches = http.get("match") or [{}]
        fitting = next((match for match in matches if _fits(match.get("uri") or {}, path)), None)
        if fitting is None:
            continue
        targets = [(each.get("destination") or {}).get("host", "") for each in http.get("route") or ()]
        others = sorted(set(fitting) - {"uri", "name"})
        only = f", when {', '.join(others)} fit" if others else ""
        uri = fitting.get("uri") or {}
        prefix = uri.get("prefix", "")
        yield Route(
            owner=f"VirtualService {own}/{name}",
            hosts=tuple(service["spec"].get("hosts") or ()),
            prefix=prefix,
            path=rewritten(path, prefix, (http.get("rewrite") or {}).get("uri")),
            leads=any(_is_service(host, own, domain) for host in targets),
            text=f"route {next(iter(uri.values()), '/')}: leads to the domain{only}",
        )
        if path is not None and not others:
            return


def _fits(uri: Mapping[str, str], path: str | None) -> bool:
    if path is None or not uri:
        return True
    if "exact" in uri:
        return path == uri["exact"]
    if "prefix" in uri:
        return path.startswith(uri["prefix"])
    return re.fullmatch(uri.get("regex", ""), path) is not None


def _is_service(host: str, own: str, domain: Domain) -> bool:
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0] or own
    return (namespace, name) == (domain.namespace, domain.name)
