"""What should exist: every child of one resource, in the order in which it is applied."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from eco2_operator.build import (
    authorization_policy,
    deployment,
    horizontal_pod_autoscaler,
    migration_network_policy,
    network_policy,
    peer_authentication,
    pod_disruption_budget,
    service,
    service_account,
    service_monitor,
)
from eco2_operator.build.access import Refusal, refusals
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.entrance import authorization_policy as entrance_policy
from eco2_operator.build.entrance import envoy_filter, gateway, load_balancer, request_authentication, virtual_service
from eco2_operator.build.entrance.context import Entrance, EntranceContext, GatewayContext
from eco2_operator.naming import Manifest, Ref

Builder = Callable[[Domain, DomainContext], Manifest | None]

DOMAIN_BUILDERS: Final[tuple[Builder, ...]] = (
    service_account.build,
    network_policy.build,
    migration_network_policy.build,
    authorization_policy.build,
    peer_authentication.build,
    service.build,
    service_monitor.build,
    pod_disruption_budget.build,
    horizontal_pod_autoscaler.build,
    deployment.build,
)
"""In apply order. Pods come last: their ServiceAccount must exist, and their policy must already hold."""

EntranceBuilder = Callable[[Entrance, EntranceContext], Manifest | None]

GUARD_BUILDERS: Final[tuple[EntranceBuilder, ...]] = (
    gateway.build,
    request_authentication.build,
    entrance_policy.build,
    entrance_policy.build_deny,
)
"""What must be in place at the gateway before a route leads anywhere."""

ROUTE_BUILDERS: Final[tuple[EntranceBuilder, ...]] = (virtual_service.build,)
"""What lets requests in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The wanted children of one resource."""

    children: tuple[Manifest, ...]
    """In apply order."""
    refused: tuple[Refusal, ...] = ()
    """Access rules that are not, or not wholly, in force."""

    def by_ref(self) -> dict[Ref, Manifest]:
        """The children by their reference, in apply order."""
        return {Ref.of(child): child for child in self.children}


def plan_domain(domain: Domain, ctx: DomainContext) -> Plan:
    """Everything an EcoDomain wants."""
    return assemble((build(domain, ctx) for build in DOMAIN_BUILDERS), refused=refusals(domain, ctx))


@dataclass(frozen=True, slots=True)
class EntrancePlan:
    """The wanted children of an EcoIngress. Between the two stands the EnvoyFilter that a gateway's entrances share."""

    guards: Plan
    """Applied first, removed last."""
    routes: Plan
    """Applied last, removed first."""
    load_balancer: Plan = Plan(())
    """Ingresses, in the order to write them in; removed first too."""

    @property
    def children(self) -> tuple[Manifest, ...]:
        """All of them, in apply order."""
        return self.guards.children + self.load_balancer.children + self.routes.children

    def by_ref(self) -> dict[Ref, Manifest]:
        """The children by their reference, in apply order."""
        return {Ref.of(child): child for child in self.children}


def plan_entrance(entrance: Entrance, ctx: EntranceContext) -> EntrancePlan:
    """Everything an EcoIngress wants for itself; nothing while it has no host."""
    return EntrancePlan(
        guards=assemble(build(entrance, ctx) for build in GUARD_BUILDERS),
        routes=assemble(build(entrance, ctx) for build in ROUTE_BUILDERS),
        load_balancer=assemble(load_balancer.build(entrance, ctx)),
    )


def plan_gateway(ctx: GatewayContext) -> Plan:
    """Everything the entrances of a gateway share."""
    return assemble([envoy_filter.build(ctx)])


def assemble(built: Iterable[Manifest | None], *, refused: tuple[Refusal, ...] = ()) -> Plan:
    """A plan of what was built. Two children of one name would overwrite each other: a fault of the builders.

    Raises:
        ValueError: naming the child that was built twice.
    """
    children: dict[Ref, Manifest] = {}
    for manifest in built:
        if manifest is None:
            continue
        ref = Ref.of(manifest)
        if ref in children:
            raise ValueError(f"two builders made {ref}")
        children[ref] = manifest
    return Plan(tuple(children.values()), refused)
