"""Where the requests of a route go: to the Service of an EcoDomain that admits the route, or to one of nobody's."""

from eco2_operator.build.access import entrances
from eco2_operator.build.context import Cluster, Domain
from eco2_operator.build.entrance.context import Target, Unresolved
from eco2_operator.build.ports import find, ports
from eco2_operator.model.ingress import DomainTarget, Route, ServiceTarget
from eco2_operator.model.service import Health
from eco2_operator.naming import child_name


def resolve(
    route: Route, to: DomainTarget, namespace: str, domain: Domain | None, cluster: Cluster
) -> Target | Unresolved:
    """The target of a route, or why there is none. Whether the route is admitted is said before anything of the domain.

    Args:
        to: the domain the route names.
        namespace: of the EcoIngress.
        domain: that domain, if it exists.
    """
    name = f"EcoDomain {to.namespace or namespace}/{to.name}"
    if domain is None:
        return Unresolved("DomainMissing", f"there is no {name} yet: create it, or correct the route")
    if namespace not in entrances(domain, cluster):
        return Unresolved(
            "RouteRefused",
            f"{name} does not let namespace {namespace} route to it: "
            f"add {{namespace: {namespace}}} to its spec.access.ingress",
        )
    if domain.spec.workload == "worker":
        return Unresolved("NoService", f"{name} is a worker and answers no requests: route to another one")
    port = find(domain.spec, route.port)
    if port is None:
        known = ", ".join(each.name for each in ports(domain.spec)) or "none"
        return Unresolved("PortUnknown", f"{name} has no port {route.port}, only {known}: correct one of the two")
    first = port.name == ports(domain.spec)[0].name
    return Target(
        namespace=domain.namespace,
        service=child_name(domain.name),
        port=port.service_port or (80 if first else port.port),
        health_path=(domain.spec.health or Health()).readiness_path,
    )


def of_service(to: ServiceTarget, namespace: str, cluster: Cluster) -> Target | Unresolved:
    """A Service that belongs to no EcoDomain. It cannot say who may route to it, so only the platform's namespaces may.

    Args:
        namespace: of the EcoIngress.
    """
    place = to.namespace or namespace
    if namespace not in cluster.entrance_namespaces:
        return Unresolved(
            "RouteRefused",
            f"namespace {namespace} may route to EcoDomains only, not to Service {place}/{to.name}: "
            "move the EcoIngress, or add the namespace to the setting ECO2_ENTRANCE_NAMESPACES",
        )
    return Target(namespace=place, service=to.name, port=to.port, health_path="/")
