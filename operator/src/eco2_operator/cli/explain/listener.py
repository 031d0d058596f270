"""Whether anybody listens where a URL leads. Pure."""

from eco2_operator.build.entrance.names import outside_name
from eco2_operator.build.entrance.scope import gateway
from eco2_operator.cli.entrances.view import View
from eco2_operator.cli.explain.names import SCHEMES, Named
from eco2_operator.cli.explain.verdict import Step
from eco2_operator.kinds import GATEWAY


def listener(view: View, url: Named) -> Step:
    """Port and scheme: a gateway and a load balancer listen at 80 and 443."""
    behind_balancer = view.entrance.spec.provider == "alb"
    place, tls = gateway(view.entrance).namespace, gateway(view.entrance).tls
    objects = () if view.is_direct else (f"{GATEWAY.name} {place}/{outside_name(view.entrance)}",)
    has_https = behind_balancer or tls is not None
    scheme = url.scheme or ("https" if has_https else "http")
    if url.port not in (0, SCHEMES[scheme]):
        return Step("listener", False, objects, f"nobody listens for {scheme} at port {url.port}", "leave the port out")
    if scheme == "https" and not has_https:
        return Step("listener", False, objects, "no HTTPS is served", f"add gateway.tls to the spec of {view.title}")
    if scheme == "https":
        held = "the load balancer" if tls is None else f"Secret {place}/{tls.secret_name}"
        return Step("listener", True, objects, f"HTTPS, with the certificate of {held}")
    if has_https and (behind_balancer or gateway(view.entrance).https_redirect):
        return Step("listener", True, objects, "HTTP, which is redirected to HTTPS")
    return Step("listener", True, objects, "HTTP")
