"""All checks, in the order a person would make them."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Final

from eco2_operator.cache import Cache
from eco2_operator.claims import Scope
from eco2_operator.cli.cluster import Reader, Refused
from eco2_operator.cli.configuration import load_settings
from eco2_operator.cli.doctor import entrances
from eco2_operator.cli.doctor.definitions import CRD, definitions
from eco2_operator.cli.doctor.finding import Finding, State, optional
from eco2_operator.cli.doctor.node_ports import node_ports
from eco2_operator.cli.doctor.permissions import permissions, wanted
from eco2_operator.cli.doctor.placement import namespaces, nodes, stores
from eco2_operator.cli.doctor.server import apis, kinds, version
from eco2_operator.cli.entrances import gateways
from eco2_operator.cli.entrances.view import View, Views
from eco2_operator.crds import all_crds
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, NAMESPACE, OPTIONAL, POD, SECRET, SERVICE, Kind
from eco2_operator.naming import Manifest

NODE: Final = Kind("", "v1", "Node", "nodes")

Check = Callable[[], Iterable[Finding]]


def examine(reader: Reader) -> Iterator[Finding]:
    """Every finding. What the user may not look at becomes a finding of its own.

    Raises:
        CliError: when the server does not answer.
    """
    yield version(reader.raw("/version"), reader.server)
    established = list(_guarded("CRDs", lambda: _definitions(reader)))
    yield from established
    yield from _guarded("Permissions", lambda: _permissions(reader))
    yield from apis(reader.raw("/apis"))
    yield from _guarded("Optional kinds", lambda: kinds(reader.served(OPTIONAL)))
    if any(f.state is State.MISSING and f.check == "CRD EcoDomain" for f in established):
        return
    domains: list[Manifest] = []
    yield from _guarded("EcoDomains", lambda: _fill(domains, reader))
    yield from _guarded("Namespaces", lambda: _namespaces(reader, domains))
    yield from _guarded("Nodes", lambda: nodes(domains, reader.objects(NODE)))
    yield from _guarded("Node ports", lambda: node_ports(domains, reader.objects(SERVICE)))
    if any(f.state is State.MISSING and f.check == "CRD EcoIngress" for f in established):
        return
    views: list[View] = []
    yield from _guarded("EcoIngresses", lambda: _look(views, reader, domains))
    yield from entrances.istio(views)
    yield from _guarded("Gateways", lambda: entrances.pods(views, _pods(reader, entrances.scopes(views))))
    yield from _guarded("Certificates", lambda: _certificates(reader, views))


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    try:
        yield from list(check())
    except Refused as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        yield optional(name, "not checked: you may not read this", "run it again as an administrator")


def _definitions(reader: Reader) -> Iterable[Finding]:
    ours = list(all_crds())
    live = reader.get_many((CRD, "", crd["metadata"]["name"]) for crd in ours)
    return definitions(zip(ours, live, strict=True))


def _permissions(reader: Reader) -> Iterable[Finding]:
    settings = load_settings()
    asked = wanted(settings.namespaces, settings.lease_namespace)
    return permissions(asked, reader.allowed(asked))


def _fill(domains: list[Manifest], reader: Reader) -> Iterable[Finding]:
    domains += reader.objects(ECO_DOMAIN)
    return ()


def _namespaces(reader: Reader, domains: list[Manifest]) -> Iterable[Finding]:
    found = reader.objects(NAMESPACE)
    return [*namespaces(domains, found), *stores(domains, found)]


def _look(views: list[View], reader: Reader, domains: list[Manifest]) -> Iterable[Finding]:
    cache = Cache()
    cache.served = reader.served(OPTIONAL)
    for obj in (*domains, *reader.objects(ECO_INGRESS)):
        cache.put(obj)
    views += Views(cache, load_settings()).all
    return ()


def _pods(reader: Reader, scopes: Iterable[Scope]) -> dict[Scope, int]:
    found = {scope: reader.objects(POD, scope.namespace, selector=gateways.pods_of(scope)) for scope in scopes}
    return {scope: sum(not pod["metadata"].get("deletionTimestamp") for pod in pods) for scope, pods in found.items()}


def _certificates(reader: Reader, views: list[View]) -> Iterable[Finding]:
    wanted = entrances.certificates(views)
    present = {place: reader.exists(SECRET, *place) for place in wanted}
    return entrances.secrets(wanted, present)
