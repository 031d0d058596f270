"""The EcoIngresses that stand at the gateway of most tests."""

from typing import Any, Final

from support.mesh.entrance import CERTIFICATE, ISSUER
from support.mesh.rendering import LOST, ingress, route

APP: Final = "https://app.test"
"""Where the browser's scripts come from."""


def api(keys: str) -> dict[str, Any]:
    """Tokens are verified by ext-authz and by the mesh; both plain HTTP and HTTPS.

    Args:
        keys: where the public keys are.
    """
    return ingress(
        "api",
        hosts=["api.test"],
        gateway={"tls": {"secretName": CERTIFICATE}, "httpsRedirect": False},
        # Not in the order in which they have to be tried.
        routes=[
            route("/api/v1/scan", "scan", timeout="20s"),
            route("/api/v1/scan/fast", "chat", timeout="300ms"),
            route("/api/v1/auth", "auth", public=True),
            route("/api/v1/auth/me", "my"),
            route("/api/v1/auth/me/photo", "scan", public=True),
            route("/api/v1/internal"),
            route("/api/v1/internal/status", "my"),
            route("/api/v1/user", "my", rewrite="/people"),
            route("/api/v1/docs", "auth", public=True),
            route("/api/v1/lost", LOST),
            route("/api/v1/lost/found", "my"),
            route("/api/v1/shaky", "shaky", retries=3),
            route("/api/v1/shaky/once", "shaky"),
        ],
        auth={"cookie": "s_access", "jwt": {"issuer": ISSUER, "jwksUri": keys}},
        cors={"allowOrigins": [APP], "allowCredentials": True, "exposeHeaders": ["x-request-id"]},
    )


def grafana() -> dict[str, Any]:
    """Everything is public, and plain HTTP leads to HTTPS."""
    return ingress(
        "grafana",
        hosts=["grafana.test"],
        gateway={"tls": {"secretName": CERTIFICATE}},
        routes=[route("/", "grafana", public=True)],
    )


def web() -> dict[str, Any]:
    """Two hosts, one of them a wildcard; asked, and public below."""
    return ingress(
        "web",
        hosts=["other.test", "*.web.test"],
        routes=[route("/", "chat"), route("/about", "grafana", public=True), route("/about/staff")],
    )
