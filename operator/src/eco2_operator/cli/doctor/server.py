"""The API server: its version, and the optional APIs it serves. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from eco2_operator.cli.doctor.finding import Finding, missing, ok, optional
from eco2_operator.kinds import (
    AUTHORIZATION_POLICY,
    ENVOY_FILTER,
    EXTERNAL_SECRET,
    GATEWAY,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    SERVICE_MONITOR,
    VIRTUAL_SERVICE,
    Kind,
)
from eco2_operator.naming import Manifest

OLDEST: Final = (1, 31)
"""First version that takes new CRDs with CEL's isCIDR: it came with 1.30, new rules may use it one version later."""

GROUPS: Final = (
    ("Istio", "networking.istio.io", "without it no EcoIngress goes through a gateway, only straight to the domains"),
    ("AWS Load Balancer Controller", "elbv2.k8s.aws", "without it EcoIngresses of provider alb get no load balancer"),
    ("Metrics API", "metrics.k8s.io", "without it autoscaling keeps the number of pods it finds"),
)
"""Name, API group, and what it is good for, of what others serve and the operator can do without."""
LOST: Final[Mapping[Kind, str]] = {
    AUTHORIZATION_POLICY: "callers are limited by NetworkPolicies alone: no paths of access.inbound, no identities",
    PEER_AUTHENTICATION: "mTLS is not required of callers, even in the mesh",
    SERVICE_MONITOR: "Prometheus is not told to scrape the domains: no metrics but what it finds by itself",
    **dict.fromkeys(
        (REQUEST_AUTHENTICATION, GATEWAY, ENVOY_FILTER, VIRTUAL_SERVICE),
        "an EcoIngress through a gateway needs all of Istio's kinds, and makes nothing without one of them",
    ),
    EXTERNAL_SECRET: "EcoSecretBindings of backend external-secrets stay empty; auto reads SSM itself",
}
"""What does not happen without each of the optional kinds."""


def version(info: Mapping[str, Any], server: str) -> Finding:
    """Whether the server is new enough; ``info`` is its /version."""
    text = str(info.get("gitVersion", "unknown"))
    numbers = (_number(info.get("major")), _number(info.get("minor")))
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return missing("API server", f"{text} at {server}", f"upgrade the cluster to Kubernetes {oldest} or later")
    return ok("API server", f"{text} at {server}")


def _number(text: object) -> int:
    """The leading number: some clouds say ``31+``."""
    found = re.match(r"\d+", str(text))
    return int(found.group()) if found else 0


def apis(group_list: Manifest) -> Iterable[Finding]:
    """Which of the optional APIs are served; ``group_list`` is /apis."""
    served = {group["name"] for group in group_list.get("groups") or ()}
    for name, group, meaning in GROUPS:
        yield ok(name, f"{group} is served") if group in served else optional(name, f"no {group}: {meaning}")


def kinds(served: Collection[str]) -> Iterable[Finding]:
    """Which of the kinds the operator makes only where they are served there are; ``served`` are their names."""
    for kind, lost in LOST.items():
        what = f"{kind.plural}.{kind.group}/{kind.version}"
        if kind.name in served:
            yield ok(kind.name, f"{what} is served")
        else:
            yield optional(
                kind.name, f"no {what}: {lost}", "install what serves it; the operator takes it up by itself"
            )
