"""The NetworkPolicy of the migration's pods."""

from eco2_operator.build.access import access
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import domain_label, metadata
from eco2_operator.build.migration import pod_label
from eco2_operator.build.network_egress import egress_rules
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """Out to what the domain may reach, nobody in; None without migrations, and in shadow mode."""
    if domain.spec.migrations is None or access(domain).enforcement == "shadow":
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {**metadata(domain, "migration"), "name": pod_label(domain)},
        "spec": {
            "podSelector": {
                "matchLabels": {"app.kubernetes.io/name": pod_label(domain), "domain": domain_label(domain)}
            },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": egress_rules(domain, ctx),
        },
    }
