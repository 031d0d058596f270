"""The NetworkPolicy: default deny both ways, and what is allowed."""

from eco2_operator.build.access import access
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.network_egress import egress_rules
from eco2_operator.build.network_ingress import ingress_rules
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The policy of the domain's pods; None in shadow mode, which blocks nothing.

    It selects by pod labels, never all pods: several domains may share a namespace.
    """
    if access(domain).enforcement == "shadow":
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(domain, "access"),
        "spec": {
            "podSelector": {"matchLabels": selector(domain)},
            "policyTypes": ["Ingress", "Egress"],
            # Written even when empty: then it is ours, and a rule somebody adds is taken out again.
            "ingress": ingress_rules(domain, ctx),
            "egress": egress_rules(domain, ctx),
        },
    }
