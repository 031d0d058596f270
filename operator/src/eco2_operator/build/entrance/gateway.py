"""The Gateway: on which ports the gateway's pods listen for which hosts."""

from eco2_operator.build.entrance import hosts
from eco2_operator.build.entrance.context import Entrance, EntranceContext
from eco2_operator.build.entrance.names import outside
from eco2_operator.build.entrance.scope import gateway, in_force
from eco2_operator.build.fields import in_order
from eco2_operator.kinds import GATEWAY
from eco2_operator.naming import Manifest


def build(entrance: Entrance, ctx: EntranceContext) -> Manifest | None:
    """The Gateway; None without hosts, and where requests come through no gateway."""
    if not in_force(entrance, ctx):
        return None
    # Only routes of this namespace get onto our hosts: others could have paths that no policy of ours knows.
    own = [f"{entrance.namespace}/{host}" for host in hosts.distinct(ctx.hosts)]
    return {
        "apiVersion": GATEWAY.api_version,
        "kind": GATEWAY.name,
        "metadata": outside(entrance),
        "spec": {"selector": in_order(gateway(entrance).selector), "servers": _servers(entrance, own)},
    }


def _servers(entrance: Entrance, own: list[str]) -> list[Manifest]:
    plain: Manifest = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": own}
    tls = gateway(entrance).tls
    if tls is None:  # Behind a load balancer, which has the certificate and redirects, it always is.
        return [plain]
    if gateway(entrance).https_redirect:
        plain["tls"] = {"httpsRedirect": True}
    return [
        {
            "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
            "hosts": list(own),
            "tls": {"mode": "SIMPLE", "credentialName": tls.secret_name},
        },
        plain,
    ]
