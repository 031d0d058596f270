"""Whether an entrance goes through an Istio gateway, through which, and what its spec leaves to defaults."""

from collections.abc import Collection

from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.kinds import ENTRANCE
from eco2_operator.model.ingress import Auth, ExtAuthz, Gateway


def through_gateway(entrance: Entrance) -> bool:
    """Whether requests come through an Istio gateway: also behind a load balancer, if it sends them there."""
    spec = entrance.spec
    return spec.provider == "istio" or spec.alb is None or spec.alb.target == "gateway"


def in_force(entrance: Entrance, ctx: EntranceContext) -> bool:
    """Whether there is anything to make at the gateway.

    All kinds or none: routes in a cluster that knows no policies would be open to everybody.
    """
    return through_gateway(entrance) and bool(ctx.hosts) and not missing_kinds(entrance, ctx.served)


def missing_kinds(entrance: Entrance, served: Collection[str]) -> tuple[str, ...]:
    """Names of the kinds that an entrance needs and the cluster lacks: without one of them nothing is made."""
    return tuple(kind.name for kind in ENTRANCE if kind.name not in served) if through_gateway(entrance) else ()


def gateway(entrance: Entrance) -> Gateway:
    """The gateway, or the default one."""
    return entrance.spec.gateway or Gateway()


def auth(entrance: Entrance) -> Auth:
    """Who may pass. Without the section too: a route is public only when it says so."""
    return entrance.spec.auth or Auth()


def provider(entrance: Entrance) -> str:
    """The extension provider of the mesh that is asked."""
    return (auth(entrance).ext_authz or ExtAuthz()).provider
