"""What the domain's pods have to answer in plain text although they are in the mesh.

Plain text has no identity: who may speak it to a port at all is for the NetworkPolicy to say, and an
AuthorizationPolicy lets it through for the paths below alone.
"""

from typing import Final

from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.network_ranges import canonical
from eco2_operator.build.ports import ports
from eco2_operator.build.scraping import Scraping, scraping
from eco2_operator.kinds import Kind
from eco2_operator.model.access import Inbound
from eco2_operator.model.service import ServiceSpec

KEYS_PATH: Final = "/.well-known/jwks.json"
"""Public keys are public. istiod and ext-authz read them, and neither has a sidecar."""


def in_force(kind: Kind, ctx: DomainContext) -> bool:
    """Whether objects of a kind of the mesh act on the domain's pods."""
    return ctx.meshed and kind.name in ctx.served


def reads_keys(rule: Inbound) -> bool:
    """Whether a caller is let in for the public keys and nothing else: such a caller needs no identity."""
    return rule.paths == [KEYS_PATH]


def serves_keys(domain: Domain) -> bool:
    """Whether some caller is let in for the public keys alone."""
    access = domain.spec.access
    return access is not None and any(map(reads_keys, access.inbound or ()))


def plain_metrics(domain: Domain) -> Scraping | None:
    """The metrics Prometheus reads in plain text.

    None also for a path that ends in a star: Istio takes it for a wildcard, and there is no way to write one that is
    not. Everything below the path would be open.
    """
    target = scraping(domain.spec)
    return target if target is not None and not target.path.endswith("*") else None


def load_balancer_ranges(domain: Domain, ctx: DomainContext) -> list[str]:
    """Addresses of the load balancer that sends requests straight to the domain's node port."""
    service = domain.spec.service or ServiceSpec()
    if domain.spec.workload == "worker" or service.type != "NodePort" or not ctx.routed_by_alb:
        return []
    return sorted({canonical(cidr) for cidr in ctx.cluster.alb_source_cidrs})


def plain_text_ports(domain: Domain, ctx: DomainContext) -> list[int]:
    """Numbers of the container ports that take plain text beside mTLS."""
    own = [port.port for port in ports(domain.spec)]
    open_to = set(own if load_balancer_ranges(domain, ctx) else ())
    if (target := plain_metrics(domain)) is not None:
        open_to.add(target.port.port)
    if serves_keys(domain):
        open_to.update(own[:1])
    return sorted(open_to)
