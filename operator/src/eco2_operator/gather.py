"""What builders need to know beside the resource: read from the cache, frozen before building."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eco2_operator.build.context import Cluster, Domain, DomainContext, Peer
from eco2_operator.build.entrance.context import (
    Admission,
    Entrance,
    EntranceContext,
    GatewayContext,
    Target,
    Unresolved,
)
from eco2_operator.build.entrance.targets import of_service, resolve
from eco2_operator.cache import Cache, Place, routed_domains
from eco2_operator.claims import Scope, scope_of
from eco2_operator.errors import InvalidSpec
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, ECO_SECRET_BINDING, NAMESPACE, SERVICE
from eco2_operator.model.access import Access
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.ingress import DomainTarget
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import GROUP, Key, Manifest, Ref, child_name
from eco2_operator.status.conditions import find


def domain_context(domain: Resource[EcoDomainSpec], cache: Cache, cluster: Cluster) -> DomainContext:
    """The surroundings of one EcoDomain as the cache shows them."""
    return DomainContext(
        cluster=cluster,
        node_ports=known_node_ports(domain, cache),
        routed_by_alb=_routed_by_alb(domain, cache),
        peers=_peers(domain, cache),
        served=cache.served,
        meshed=_meshed(domain, cache),
    )


def known_node_ports(domain: Resource[EcoDomainSpec], cache: Cache) -> dict[str, int]:
    """Node ports the domain has, by port name: from the live Service, else as last written to the status.

    The status keeps them through the loss of the Service, so that a re-created one answers on the same numbers.
    """
    resource = cache.resource(domain.key) or {}
    ports: dict[str, int] = dict((resource.get("status") or {}).get("nodePorts") or {})
    service = cache.get(Ref(SERVICE.group, SERVICE.name, domain.namespace, child_name(domain.name)))
    return ports | service_node_ports(service or {})


def service_node_ports(service: Mapping[str, Any]) -> dict[str, int]:
    """Node ports of a live Service by the name of the container port they lead to."""
    return {
        str(port["targetPort"]): port["nodePort"]
        for port in (service.get("spec") or {}).get("ports") or ()
        if port.get("nodePort")
    }


def _meshed(domain: Resource[EcoDomainSpec], cache: Cache) -> bool:
    """Whether Istio injects its proxy into pods of the namespace.

    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/: `istio-injection: disabled` wins over a
    revision.
    """
    namespace = cache.get(Ref(NAMESPACE.group, NAMESPACE.name, "", domain.namespace)) or {"metadata": {}}
    labels = namespace["metadata"].get("labels") or {}
    injection = labels.get("istio-injection")
    return injection == "enabled" or (injection is None and bool(labels.get("istio.io/rev")))


def _peers(domain: Resource[EcoDomainSpec], cache: Cache) -> dict[tuple[str, str], Peer]:
    access = domain.spec.access or Access()
    named = [rule.domain and (rule.namespace or domain.namespace, rule.domain) for rule in access.outbound or ()]
    named += [(rule.namespace or domain.namespace, rule.domain) for rule in access.inbound or ()]
    found = {peer: cache.domain(*peer) for peer in named if peer}
    return {peer: _peer(obj) for peer, obj in found.items() if obj is not None}


def _peer(obj: Mapping[str, Any]) -> Peer:
    spec, own = obj["spec"], obj["metadata"]["namespace"]
    inbound = (spec.get("access") or {}).get("inbound") or ()
    return Peer(
        tier=spec.get("tier", "business-logic"),
        service_account=child_name(obj["metadata"]["name"]),
        callers=frozenset((rule.get("namespace", own), rule["domain"]) for rule in inbound),
    )


def ignored_secrets(domain: Resource[EcoDomainSpec], cache: Cache) -> set[str]:
    """The domain's Secrets whose changes replace no pods."""
    return {name for name, binding in _bindings(domain, cache) if binding["spec"].get("rotation") == "ignore"}


def stale_bindings(domain: Resource[EcoDomainSpec], cache: Cache) -> tuple[str, ...]:
    """What is wrong with the EcoSecretBindings the domain uses, in words."""
    faults = []
    for name, binding in _bindings(domain, cache):
        synced = find((binding.get("status") or {}).get("conditions") or (), "Synced") or {}
        if synced.get("status") == "False":
            faults.append(f"EcoSecretBinding {name}: {synced['message']}")
    return tuple(faults)


def _bindings(domain: Resource[EcoDomainSpec], cache: Cache) -> Iterator[tuple[str, Manifest]]:
    for use in domain.spec.secrets or ():
        binding = cache.resource(Key(ECO_SECRET_BINDING.name, domain.namespace, use.name))
        if binding is not None:
            yield use.name, binding


def alb_targets(ingress: Mapping[str, Any]) -> set[Place]:
    """(namespace, name) of every EcoDomain whose node port an EcoIngress's ALB sends requests to."""
    spec = ingress.get("spec") or {}
    return routed_domains(ingress) if spec and scope_of(spec) == Scope() else set()


def _routed_by_alb(domain: Resource[EcoDomainSpec], cache: Cache) -> bool:
    return any(
        (domain.namespace, domain.name) in alb_targets(cache.get(ref) or {})
        for ref in cache.refs(GROUP, ECO_INGRESS.name)
    )


def entrance_context(entrance: Entrance, hosts: tuple[str, ...], cache: Cache, cluster: Cluster) -> EntranceContext:
    """The surroundings of one EcoIngress as the cache shows them.

    Args:
        hosts: those of its hosts that it has.
    """
    targets: dict[str, Target | Unresolved] = {}
    for route in entrance.spec.routes:
        if route.service is not None:
            targets[route.path] = of_service(route.service, entrance.namespace, cluster)
        if route.domain is None:
            continue
        try:
            domain = _domain(route.domain, entrance.namespace, cache)
        except InvalidSpec as error:
            where = f"{route.domain.namespace or entrance.namespace}/{route.domain.name}"
            targets[route.path] = Unresolved("PortUnknown", f"EcoDomain {where} cannot be understood: {error}")
            continue
        targets[route.path] = resolve(route, route.domain, entrance.namespace, domain, cluster)
    return EntranceContext(cluster=cluster, hosts=hosts, targets=targets, served=cache.served)


def gateway_context(scope: Scope, admissions: Iterable[Admission], cluster: Cluster) -> GatewayContext:
    """A gateway and those who use it."""
    return GatewayContext(
        namespace=scope.namespace,
        selector=dict(scope.selector),
        entrances=tuple(sorted(admissions, key=lambda admission: admission.entrance.key)),
        trusted_hops=cluster.gateway_trusted_hops,
    )


def _domain(target: DomainTarget, namespace: str, cache: Cache) -> Domain | None:
    obj = cache.resource(Key(ECO_DOMAIN.name, target.namespace or namespace, target.name))
    return parse(obj, EcoDomainSpec) if obj is not None else None
