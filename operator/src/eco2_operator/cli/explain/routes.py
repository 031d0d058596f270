"""Which public routes lead to a domain. Pure.

An EcoIngress says what is wanted, and its condition Programmed whether it is so; a VirtualService is what the gateway
obeys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.network_ingress import entrances
from eco2_operator.cli.status.summary import condition
from eco2_operator.naming import Manifest


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


def of_ingresses(ingresses: Iterable[Manifest], domain: Domain, ctx: DomainContext, path: str | None) -> list[Route]:
    """The routes of EcoIngresses that lead to the domain, or that a path belongs to."""
    return [route for ingress in ingresses for route in _of_ingress(ingress, domain, ctx, path)]


def _of_ingress(ingress: Manifest, domain: Domain, ctx: DomainContext, path: str | None) -> Iterator[Route]:
    own, spec = ingress["metadata"]["namespace"], ingress["spec"]
    fitting = [entry for entry in spec["routes"] if path is None or under(path, entry["path"])]
    if path is not None:
        fitting = sorted(fitting, key=lambda entry: len(entry["path"]))[-1:]
    for entry in fitting:
        if _target(entry, own) == (domain.namespace, domain.name) or (entry.get("deny") and path is not None):
            yield _route(ingress, entry, domain, ctx, path)


def _target(entry: Mapping[str, Any], own: str) -> tuple[str, str]:
    target = entry.get("domain") or {}
    return target.get("namespace", own), target.get("name", "")


def _route(ingress: Manifest, entry: Mapping[str, Any], domain: Domain, ctx: DomainContext, path: str | None) -> Route:
    own, spec = ingress["metadata"]["namespace"], ingress["spec"]
    prefix = entry["path"]
    straight = spec.get("provider") == "alb" and (spec.get("alb") or {}).get("target") == "domain"
    leads, text, todo = _judge(ingress, entry, domain, ctx)
    return Route(
        owner=f"EcoIngress {own}/{ingress['metadata']['name']}",
        hosts=tuple(spec["hosts"]),
        prefix=prefix,
        path=_rewritten(path, prefix, entry.get("rewrite")),
        leads=leads,
        text=f"route {prefix}: {text}",
        todo=todo,
        way="load balancer" if straight else "gateway",
    )


def _judge(ingress: Manifest, entry: Mapping[str, Any], domain: Domain, ctx: DomainContext) -> tuple[bool, str, str]:
    own, name = ingress["metadata"]["namespace"], ingress["metadata"]["name"]
    if entry.get("deny"):
        return False, "deny: true refuses every request", f"remove deny from the route in EcoIngress {own}/{name}"
    if own not in entrances(domain, ctx):
        todo = f"add {{namespace: {own}}} to spec.access.ingress of EcoDomain {domain.namespace}/{domain.name}"
        return False, "the domain does not let this namespace route to it", todo
    programmed = condition(ingress.get("status") or {}, "Programmed")
    if programmed is None or programmed["status"] != "True":
        why = (programmed or {}).get("message") or "nothing has programmed it yet"
        return False, str(why), f"kubectl describe ecoi -n {own} {name}"
    passing = "without a token" if entry.get("public") else "with a valid token"
    return True, f"leads to the domain, {passing}", ""


def _rewritten(path: str | None, prefix: str, rewrite: str | None) -> str | None:
    if path is None or rewrite is None:
        return path
    rest = path.removeprefix(prefix).lstrip("/")
    return f"{rewrite.rstrip('/')}/{rest}" if rest else rewrite


def under(path: str, prefix: str) -> bool:
    """Whether a path lies under a prefix, on segment boundaries."""
    return path == prefix or path.startswith(f"{prefix.rstrip('/')}/")


def of_virtual_services(services: Iterable[Manifest], domain: Domain, path: str | None) -> list[Route]:
    """The routes of VirtualServices of gateways that lead to the domain; of each the first that fits the path."""
    found = []
    for service in services:
        spec = service.get("spec") or {}
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
            path=_rewritten(path, prefix, (http.get("rewrite") or {}).get("uri")),
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
