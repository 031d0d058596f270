"""What Istio's charts are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eco2_testcluster.gateway.source import Images, Source

CONTROL_PLANE: Final = "istio-system"
GATEWAY: Final = "istio-ingress"
"""Namespaces."""
NAME: Final = "istio-ingressgateway"
"""Of the gateway's Deployment, Service and ServiceAccount; `istio: ingressgateway` is made from it."""
HTTP_NODE_PORT: Final = 30080
HTTPS_NODE_PORT: Final = 30443
GRACE_SECONDS: Final = 60
"""A gateway pod that ends waits so long for connections that are still open."""

Values = dict[str, Any]

_KEYS_BY_ENVOY: Final = {"PILOT_JWT_ENABLE_REMOTE_JWKS": "envoy"}
"""The gateway itself fetches public keys, when a request needs them. istiod would try for some seconds, forget it, and
let nobody in until its configuration changes: a domain that starts a little later would stay shut."""
_UPSTREAM_ENVOY: Final = {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
"""Without filters that only Istio's own build of Envoy has. They add telemetry and decide nothing."""


def istiod_values(source: Source, *, mesh: Mapping[str, Any]) -> Values:
    """The control plane: one small pod.

    Args:
        mesh: the mesh configuration that is shipped.
    """
    images = Images.of(source)
    return {
        "global": {
            "hub": images.hub,
            "tag": images.tag,
            # Of the gateway's pods, which are completed by the control plane; 15 s would be a long wait for each.
            "proxy": {"readinessPeriodSeconds": 2},
        },
        # Who asks why a request was refused finds it in the gateway's log.
        "meshConfig": {**mesh, "accessLogFile": "/dev/stdout"},
        "autoscaleEnabled": False,
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "telemetry": {"enabled": source == "istio"},
        "env": {**_KEYS_BY_ENVOY, **(_UPSTREAM_ENVOY if source == "local" else {})},
    }


def gateway_values(source: Source, *, replicas: int) -> Values:
    """The ingress gateway, at two ports of every node."""
    return {
        "replicaCount": replicas,
        "autoscaling": {"enabled": False},
        # The chart makes it for more than one replica only.
        "podDisruptionBudget": {"minAvailable": 1},
        "podAnnotations": {
            # What the control plane would fill in. Named here, a new version replaces the pods.
            "sidecar.istio.io/proxyImage": Images.of(source).proxy,
        },
        # The chart's image is `auto`, for which the API server would say `Always`: without a registry nothing started.
        "imagePullPolicy": "IfNotPresent",
        "service": {"type": "NodePort", "ports": _ports()},
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            # Envoy has a thread for each whole processor of the limit.
            "limits": {"cpu": "2", "memory": "512Mi"},
        },
        # The end of a pod loses nothing: for a while it goes on taking connections that were on their way to it, has
        # clients close the ones they keep (`connection: close`), and waits for the last answer.
        "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true", "MINIMUM_DRAIN_DURATION": "5s"},
        "terminationGracePeriodSeconds": GRACE_SECONDS,
    }


def _ports() -> list[Values]:
    numbers = {"status-port": (15021, None), "http2": (80, HTTP_NODE_PORT), "https": (443, HTTPS_NODE_PORT)}
    return [
        {
            "name": name,
            "port": port,
            "targetPort": port,
            "protocol": "TCP",
            **({"nodePort": node_port} if node_port else {}),
        }
        for name, (port, node_port) in numbers.items()
    ]
