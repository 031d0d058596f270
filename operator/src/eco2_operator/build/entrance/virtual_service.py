"""The VirtualService: which path goes to which domain.

Written last and removed first: it is what lets requests in. Every route asks for the guard header, so that it answers
only on connections whose filters have this entrance's policies already.
"""

import json
from collections.abc import Iterator
from typing import Final

from eco2_operator.build.entrance import guard, hosts
from eco2_operator.build.entrance.context import Entrance, EntranceContext, Target
from eco2_operator.build.entrance.names import inside, outside_name, token_header
from eco2_operator.build.entrance.routes import by_specificity
from eco2_operator.build.entrance.scope import auth, gateway, in_force
from eco2_operator.build.fields import given
from eco2_operator.kinds import VIRTUAL_SERVICE
from eco2_operator.model.base import milliseconds
from eco2_operator.model.ingress import Cors, Route
from eco2_operator.naming import Manifest

RETRY_ON: Final = "connect-failure,refused-stream,reset-before-request"
"""The request has reached nobody: sending it again does nothing twice."""
CLUSTER_DOMAIN: Final = "cluster.local"


def build(entrance: Entrance, ctx: EntranceContext) -> Manifest | None:
    """The VirtualService; None without hosts, and where requests come through no gateway."""
    if not in_force(entrance, ctx):
        return None
    namespace, demands = gateway(entrance).namespace, guard.Demands(entrance)
    return {
        "apiVersion": VIRTUAL_SERVICE.api_version,
        "kind": VIRTUAL_SERVICE.name,
        "metadata": inside(entrance),
        "spec": {
            "hosts": list(hosts.distinct(ctx.hosts)),
            "gateways": [f"{namespace}/{outside_name(entrance)}"],
            "exportTo": [namespace],
            "http": [
                http
                for route in by_specificity(entrance.spec.routes)
                for http in (*_http_routes(entrance, ctx, route, demands), *_instead(route, demands))
            ],
        },
    }


def _http_routes(entrance: Entrance, ctx: EntranceContext, route: Route, demands: guard.Demands) -> Iterator[Manifest]:
    """One, or two where a rewrite has to differ between the path itself and what lies below it."""
    matches = [_matches(ctx, route, uri, demands) for uri in _uris(route.path)]
    if route.rewrite is None or not isinstance(ctx.targets.get(route.path), Target):
        yield {"name": route.path, "match": [one for found in matches for one in found], **_rest(entrance, ctx, route)}
        return
    # What is replaced ends in a slash, or not, and so must what it is replaced by. Of "/" there is the prefix alone.
    replacements = (route.rewrite, f"{route.rewrite.rstrip('/')}/")[-len(matches) :]
    for found, uri in zip(matches, replacements, strict=True):
        yield {"name": route.path, "match": found, "rewrite": {"uri": uri}, **_rest(entrance, ctx, route)}


def _instead(route: Route, demands: guard.Demands) -> Iterator[Manifest]:
    """Who may not have a route that is closed below an open one would get it from that one.

    The client is told to connect again (RFC 9110, section 15.5.20), as Envoy does when its filters have changed.
    """
    if demands.end_of_opening(route) is not None:
        matches = [{"uri": uri} for uri in _uris(route.path)]
        yield {"name": route.path, "match": matches, **_answer(421, "reconnect", "send this on another connection")}


def _uris(path: str) -> list[Manifest]:
    """The path and everything below it, but not what only begins with the same letters."""
    return [{"prefix": "/"}] if path == "/" else [{"exact": path}, {"prefix": f"{path}/"}]


def _matches(ctx: EntranceContext, route: Route, uri: Manifest, demands: guard.Demands) -> list[Manifest]:
    """One for each host: filters may know one and not the other."""
    known = hosts.distinct(ctx.hosts)
    return [
        given({"uri": uri, "authority": hosts.authority(host, known), "headers": demands.of(host, route)})
        for host in known
    ]


def _rest(entrance: Entrance, ctx: EntranceContext, route: Route) -> Manifest:
    """What a route does with a request, but for the rewrite.

    A route that leads nowhere answers too: without it a shorter one would get its requests.
    """
    if route.deny:
        return _answer(403, "denied", "this path is closed")
    cors = given({"corsPolicy": _cors(entrance.spec.cors)})
    target = ctx.targets.get(route.path)
    if not isinstance(target, Target):
        return {**_answer(503, "unavailable", "nobody serves this path at the moment"), **cors}
    destination = {
        "host": f"{target.service}.{target.namespace}.svc.{CLUSTER_DOMAIN}",
        "port": {"number": target.port},
    }
    return {
        "route": [{"destination": destination}],
        **given({"timeout": _seconds(route.timeout)}),
        # Said also when there are none: Istio's own default would repeat requests that were already worked on.
        "retries": {"attempts": route.retries, "retryOn": RETRY_ON} if route.retries else {"attempts": 0},
        "headers": {"request": {"remove": _private_headers(entrance)}},
        **cors,
    }


def _answer(status: int, reason: str, detail: str) -> Manifest:
    body = json.dumps({"detail": detail, "reason": reason}, separators=(",", ":"))
    return {
        "directResponse": {"status": status, "body": {"string": body}},
        "headers": {"response": {"set": {"content-type": "application/json"}}},
    }


def _private_headers(entrance: Entrance) -> list[str]:
    """What the gateway's filters tell each other is not for the domains."""
    return [guard.HEADER, *([token_header(entrance)] if auth(entrance).jwt else ())]


def _cors(cors: Cors | None) -> Manifest | None:
    if cors is None:
        return None
    return given(
        {
            "allowOrigins": [{"exact": origin} for origin in sorted(cors.allow_origins)],
            "allowMethods": sorted(cors.allow_methods),
            "allowHeaders": sorted(cors.allow_headers),
            "exposeHeaders": sorted(cors.expose_headers or ()),
            "allowCredentials": cors.allow_credentials,
            # Istio counts whole seconds, and cannot say none.
            "maxAge": _seconds(f"{milliseconds(cors.max_age) // 1000}s"),
        }
    )


def _seconds(duration: str | None) -> str | None:
    """A duration as protobuf writes it; None for none, which Istio refuses to be told."""
    whole, rest = divmod(milliseconds(duration or ""), 1000)
    if not whole and not rest:
        return None
    return f"{whole}.{rest:03d}".rstrip("0") + "s" if rest else f"{whole}s"
