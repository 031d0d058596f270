"""What builders need to know beside the resource: read from the cache, frozen before building."""

from collections.abc import Mapping
from typing import Any

from eco2_operator.build.context import Cluster, DomainContext
from eco2_operator.cache import Cache
from eco2_operator.kinds import ECO_INGRESS, SERVICE
from eco2_operator.model.domain import EcoDomainSpec, Tier
from eco2_operator.model.resource import Resource
from eco2_operator.naming import GROUP, Ref, child_name


def domain_context(domain: Resource[EcoDomainSpec], cache: Cache, cluster: Cluster) -> DomainContext:
    """The surroundings of one EcoDomain as the cache shows them."""
    return DomainContext(
        cluster=cluster,
        node_ports=known_node_ports(domain, cache),
        routed_by_alb=_routed_by_alb(domain, cache),
        peer_tiers=_peer_tiers(domain, cache),
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


def _peer_tiers(domain: Resource[EcoDomainSpec], cache: Cache) -> dict[tuple[str, str], Tier]:
    tiers: dict[tuple[str, str], Tier] = {}
    access = domain.spec.access
    for rule in (access.outbound or ()) if access is not None else ():
        if rule.domain is None:
            continue
        peer = (rule.namespace or domain.namespace, rule.domain)
        found = cache.domain(*peer)
        if found is not None:
            tiers[peer] = found["spec"].get("tier", "business-logic")
    return tiers


def alb_targets(ingress: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(namespace, name) of every EcoDomain whose node port an EcoIngress's ALB sends requests to."""
    spec = ingress.get("spec") or {}
    if spec.get("provider") != "alb" or (spec.get("alb") or {}).get("target") != "domain":
        return set()
    own = ingress["metadata"]["namespace"]
    return {
        (route["domain"].get("namespace", own), route["domain"]["name"])
        for route in spec.get("routes") or ()
        if route.get("domain")
    }


def _routed_by_alb(domain: Resource[EcoDomainSpec], cache: Cache) -> bool:
    return any(
        (domain.namespace, domain.name) in alb_targets(cache.get(ref) or {})
        for ref in cache.refs(GROUP, ECO_INGRESS.name)
    )
