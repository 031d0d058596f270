"""What the domain's pods may reach."""

from collections.abc import Sequence

from eco2_operator.build.access import outbound_calls
from eco2_operator.build.context import Cluster, Domain, DomainContext
from eco2_operator.build.network_peers import ISTIOD_LABELS, block, domains, namespaces, pods, port, tcp
from eco2_operator.build.network_ranges import canonical, outside
from eco2_operator.model.access import Outbound
from eco2_operator.naming import Manifest

DNS_PORTS = (port(53, "UDP"), port(53, "TCP"))
"""TCP too: answers over 512 bytes come by TCP (RFC 7766)."""


def egress_rules(domain: Domain, ctx: DomainContext) -> list[Manifest]:
    """DNS, and the outbound calls that are allowed."""
    calls = outbound_calls(domain, ctx).allowed
    return [
        _dns(ctx.cluster),
        *_mesh(ctx),
        *_domains(domain, calls),
        *_stores(ctx.cluster, calls),
        *_external(ctx.cluster, calls),
        *_ranges(calls),
    ]


def _dns(cluster: Cluster) -> Manifest:
    return {
        "to": [pods(cluster.dns.namespace, cluster.dns.labels)],
        "ports": [dict(dns) for dns in DNS_PORTS],
    }


def _mesh(ctx: DomainContext) -> list[Manifest]:
    """Without istiod a sidecar gets no certificate and never becomes ready. 15012: its port for proxies."""
    istiod = pods(ctx.cluster.istiod_namespace, ISTIOD_LABELS)
    return [{"to": [istiod], "ports": tcp([15012])}] if ctx.meshed else []


def _domains(domain: Domain, calls: Sequence[Outbound]) -> list[Manifest]:
    """Other domains, on any port: which ports they open is for their own policy to say."""
    peers = domains((c.namespace or domain.namespace, c.domain) for c in calls if c.domain is not None)
    return [{"to": peers}] if peers else []


def _stores(cluster: Cluster, calls: Sequence[Outbound]) -> list[Manifest]:
    stores = sorted({call.data for call in calls if call.data is not None})
    return [{"to": [namespaces({"data-type": store})], "ports": tcp(cluster.store_ports[store])} for store in stores]


def _external(cluster: Cluster, calls: Sequence[Outbound]) -> list[Manifest]:
    if not any(call.external for call in calls):
        return []
    peers = outside(cluster.cluster_cidrs)
    return [{"to": peers, "ports": tcp([443])}] if peers else []


def _ranges(calls: Sequence[Outbound]) -> list[Manifest]:
    ranges = {(canonical(c.cidr), c.port) for c in calls if c.cidr is not None and c.port is not None}
    return [{"to": [block(cidr)], "ports": tcp([number])} for cidr, number in sorted(ranges)]
