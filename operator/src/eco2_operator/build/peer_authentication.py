"""The PeerAuthentication: mTLS only, except where plain text has to be answered."""

from eco2_operator.build.access import access
from eco2_operator.build.context import Domain, DomainContext
from eco2_operator.build.labels import metadata, selector
from eco2_operator.build.mesh import in_force, plain_text_ports
from eco2_operator.build.ports import ports
from eco2_operator.kinds import PEER_AUTHENTICATION
from eco2_operator.naming import Manifest


def build(domain: Domain, ctx: DomainContext) -> Manifest | None:
    """The policy of the domain's pods; None outside a mesh and without ports, where there is nothing to reach.

    In shadow mode plain text passes everywhere: STRICT cannot be tried out without blocking it.
    """
    if not ports(domain.spec) or not in_force(PEER_AUTHENTICATION, ctx):
        return None
    strict = access(domain).enforcement == "active"
    spec: Manifest = {
        "selector": {"matchLabels": selector(domain)},
        "mtls": {"mode": "STRICT" if strict else "PERMISSIVE"},
    }
    # Numbers of container ports, as text: they are the keys of a JSON object. An empty map is refused.
    if strict and (numbers := plain_text_ports(domain, ctx)):
        spec["portLevelMtls"] = {str(number): {"mode": "PERMISSIVE"} for number in numbers}
    return {
        "apiVersion": PEER_AUTHENTICATION.api_version,
        "kind": PEER_AUTHENTICATION.name,
        "metadata": metadata(domain, "access"),
        "spec": spec,
    }
