"""Who may reach the domain's pods."""

from eco2_operator.build.access import access, entrances
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.network_peers import ISTIOD_LABELS, block, domains, pods, tcp, whole_namespace
from eco2_operator.build.network_ranges import canonical
from eco2_operator.build.ports import find, ports
from eco2_operator.model.service import Metrics, ServiceSpec
from eco2_operator.naming import Manifest

SIDECAR_METRICS_PORT = 15090
"""Envoy's own metrics, of every request it passes on."""


def ingress_rules(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    """The ingress rules; none without ports, where there is nothing to reach."""
    own = [port.port for port in ports(domain.spec)]
    if not own:
        return []
    sources = (_gateway(domain, ctx), _callers(domain, ctx), _load_balancer(domain, ctx))
    rules: list[Manifest] = [{"from": source, "ports": tcp(own)} for source in sources if source]
    return rules + _prometheus(domain, ctx)


def _gateway(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    if domain.spec.workload == "worker" or not entrances(domain, ctx.cluster):
        return []
    return [pods(ctx.cluster.gateway.namespace, ctx.cluster.gateway.labels)]


def _callers(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    listed = {(peer.namespace or domain.namespace, peer.domain) for peer in access(domain).inbound or ()}
    istiod = (ctx.cluster.istiod_namespace, ISTIOD_LABELS["app"])
    # istiod is nobody's EcoDomain: its pods carry Istio's own label.
    return domains(listed - {istiod}) + ([pods(istiod[0], ISTIOD_LABELS)] if istiod in listed else [])


def _load_balancer(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    """NodePort sources, only where an ALB sends requests there: callers may forge identity headers."""
    service = domain.spec.service or ServiceSpec()
    if domain.spec.workload == "worker" or service.type != "NodePort" or not ctx.routed_by_alb:
        return []
    return [block(cidr) for cidr in sorted({canonical(cidr) for cidr in ctx.cluster.alb_source_cidrs})]


def _prometheus(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    metrics = domain.spec.metrics or Metrics()
    port = find(domain.spec, metrics.port)
    own = [port.port] if metrics.enabled and port is not None else []
    scraped = [*own, *([SIDECAR_METRICS_PORT] if ctx.meshed else [])]
    return [{"from": [whole_namespace(ctx.cluster.prometheus_namespace)], "ports": tcp(scraped)}] if scraped else []
