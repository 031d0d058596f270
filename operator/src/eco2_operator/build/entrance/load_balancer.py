"""The Ingresses of provider alb: the AWS Load Balancer Controller makes listeners, rules and target groups of them.

Its rules about order (2.4.3 and later): Ingresses of a group by group.order, then by namespace and name; in an Ingress
host by host, and for each host the longest prefix first. The first rule that matches answers.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eco2_operator.build.entrance.context import Entrance, EntranceContext, Target
from eco2_operator.build.entrance.names import inside, labels, outside, outside_name
from eco2_operator.build.entrance.routes import by_specificity
from eco2_operator.build.entrance.rule_order import depths
from eco2_operator.build.entrance.scope import through_gateway
from eco2_operator.build.fields import given, in_order
from eco2_operator.kinds import INGRESS
from eco2_operator.model.ingress import Alb, Route
from eco2_operator.naming import OWNER_ANNOTATION, Manifest, child_name

PREFIX: Final = "alb.ingress.kubernetes.io"
DNS_PREFIXES: Final = ("external-dns.alpha.kubernetes.io", "external-dns.kubernetes.io")
"""What ExternalDNS reads before 0.22, and since."""
CLASS: Final = "alb"
BY_ANNOTATION: Final = "use-annotation"
"""The port that makes the controller take a backend's name for that of an action."""
GATEWAY_PORT: Final = 80
READY_PATH, READY_PORT = "/healthz/ready", "status-port"
"""Where an Istio gateway says that it is ready: the name of the port in its Service."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the load balancer says itself instead of asking anybody."""

    name: str
    status: int
    reason: str
    detail: str

    @property
    def action(self) -> str:
        """The action as the controller reads it."""
        body = json.dumps({"detail": self.detail, "reason": self.reason}, separators=(",", ":"))
        config = {"contentType": "application/json", "statusCode": str(self.status), "messageBody": body}
        return json.dumps({"type": "fixed-response", "fixedResponseConfig": config}, separators=(",", ":"))


DENIED: Final = Answer("denied", 403, "denied", "this path is closed")
UNAVAILABLE: Final = Answer("unavailable", 503, "unavailable", "nobody serves this path at the moment")


@dataclass(frozen=True, slots=True)
class _Place:
    """What the routes of one Ingress have in common."""

    depth: int
    namespace: str
    """Of the backends: an Ingress reaches no other."""
    health_path: str | None
    """Of the Services; None where the load balancer answers itself."""


def build(entrance: Entrance, ctx: EntranceContext) -> list[Manifest]:
    """The Ingresses, in the order in which the controller looks at them, which is also the order to write them in.

    A path that must not reach a domain (denied, or of a domain that is missing) is in place before the shorter route
    that would let it through: when the entrance is made, and when routes are added to it.
    """
    if entrance.spec.provider != "alb" or not ctx.hosts:
        return []
    return [_to_gateway(entrance, ctx)] if through_gateway(entrance) else list(_to_domains(entrance, ctx))


def _to_gateway(entrance: Entrance, ctx: EntranceContext) -> Manifest:
    alb = entrance.spec.alb or Alb()
    annotations = {
        **_listener(alb, alb.group_order or 0, ctx.hosts),
        **_forward(READY_PATH),
        f"{PREFIX}/healthcheck-port": READY_PORT,
    }
    paths = [_path("/", ctx.cluster.gateway_service, {"number": GATEWAY_PORT})]
    return _ingress(outside(entrance), annotations, ctx.hosts, paths)


def _to_domains(entrance: Entrance, ctx: EntranceContext) -> Iterator[Manifest]:
    alb = entrance.spec.alb or Alb()
    # An Ingress that joined a group only when it gets company would move to another load balancer.
    alb = alb.model_copy(update={"group_name": alb.group_name or outside_name(entrance)})
    routes = by_specificity(entrance.spec.routes)
    backends = {route.path: _backend(route, ctx) for route in routes}
    groups = {path: _group(entrance, backend) for path, backend in backends.items()}
    depth = depths(groups)
    shared: dict[_Place, list[str]] = defaultdict(list)
    for path, group in groups.items():
        shared[_Place(depth[path], *group)].append(path)
    names = _names(entrance, shared)
    for place in sorted(shared, key=lambda place: (-place.depth, place.namespace, names[place])):
        answers = {backend for path in shared[place] if isinstance(backend := backends[path], Answer)}
        annotations = {
            **_listener(alb, (alb.group_order or 0) - place.depth, ctx.hosts),
            **(_forward(place.health_path) if place.health_path is not None else {}),
            **{f"{PREFIX}/actions.{answer.name}": answer.action for answer in answers},
        }
        paths = [_path(path, *_service(backends[path])) for path in shared[place]]
        yield _ingress(_metadata(entrance, place.namespace, names[place]), annotations, ctx.hosts, paths)


def _backend(route: Route, ctx: EntranceContext) -> Target | Answer:
    if route.deny:
        return DENIED
    target = ctx.targets.get(route.path)
    return target if isinstance(target, Target) else UNAVAILABLE


def _service(backend: Target | Answer) -> tuple[str, Manifest]:
    """Name and port as an Ingress writes them."""
    if isinstance(backend, Target):
        return backend.service, {"number": backend.port}
    return backend.name, {"name": BY_ANNOTATION}


def _group(entrance: Entrance, backend: Target | Answer) -> tuple[str, str | None]:
    if isinstance(backend, Target):
        return backend.namespace, backend.health_path
    return entrance.namespace, None


def _names(entrance: Entrance, places: Iterable[_Place]) -> dict[_Place, str]:
    """Names of the Ingresses. The name of one with fixed responses depends on its depth alone.

    Otherwise an Ingress that comes or goes could take the name of one that refuses paths, and for a moment nobody
    would refuse them.
    """
    names = {}
    forwards: dict[str, int] = defaultdict(int)
    for place in sorted(places, key=lambda place: (place.depth, place.namespace, place.health_path or "")):
        own = place.namespace == entrance.namespace
        parts = [entrance.name] if own else [entrance.namespace, entrance.name]
        if place.health_path is None:
            parts.append("fixed")
            number = place.depth + 1
        else:
            forwards[place.namespace] += 1
            number = forwards[place.namespace]
        names[place] = child_name(*parts, *([str(number)] if number > 1 else []))
    return names


def _listener(alb: Alb, order: int, hosts: Sequence[str]) -> dict[str, str]:
    """What every Ingress says about the load balancer as a whole: in a group all must agree."""
    settings = given(
        {
            "scheme": alb.scheme,
            "listen-ports": '[{"HTTP": 80}, {"HTTPS": 443}]',
            "ssl-redirect": "443",
            "certificate-arn": alb.certificate_arn,
            "group.name": alb.group_name,
            "group.order": str(order) if order else None,
        }
    )
    return {f"{PREFIX}/{name}": value for name, value in settings.items()} | {
        f"{prefix}/hostname": ",".join(hosts) for prefix in DNS_PREFIXES
    }


def _forward(health_path: str) -> dict[str, str]:
    """How the load balancer reaches a Service: in plain text by its node port."""
    return {
        f"{PREFIX}/target-type": "instance",
        f"{PREFIX}/backend-protocol": "HTTP",
        f"{PREFIX}/healthcheck-path": health_path,
    }


def _path(path: str, name: str, port: Manifest) -> Manifest:
    return {"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": port}}}


def _ingress(
    metadata: Manifest, annotations: Mapping[str, str], hosts: Sequence[str], paths: Sequence[Manifest]
) -> Manifest:
    return {
        "apiVersion": INGRESS.api_version,
        "kind": INGRESS.name,
        "metadata": {**metadata, "annotations": in_order({**metadata.get("annotations", {}), **annotations})},
        # A rule for each host: an ALB takes five values in the conditions of a rule, and a path has two.
        "spec": {
            "ingressClassName": CLASS,
            "rules": [{"host": host, "http": {"paths": list(paths)}} for host in hosts],
        },
    }


def _metadata(entrance: Entrance, namespace: str, name: str) -> Manifest:
    if namespace == entrance.namespace:
        return {**inside(entrance), "name": name}
    return {
        "name": name,
        "namespace": namespace,
        "labels": labels(child_name(entrance.name)),
        "annotations": {OWNER_ANNOTATION: str(entrance.key)},
    }
