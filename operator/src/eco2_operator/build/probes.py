"""How the kubelet asks whether the domain has started, is ready, and is alive (core/v1 Probe)."""

from typing import Literal

from eco2_operator.build.ports import find
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.service import Health, Port
from eco2_operator.naming import Manifest

STARTUP_PERIOD = 2
"""Seconds between startup probes: short, so that a quick start is noticed quickly."""
FAILURES = 3
"""Failed probes in a row before a pod counts as not ready, or is restarted."""


def probes(spec: EcoDomainSpec) -> Manifest:
    """The three probe fields of the domain's container; none for a worker that did not ask for them."""
    health = spec.health
    if health is None and spec.workload == "worker":
        return {}
    port = find(spec, health.port if health else None)
    health = health or Health(kind=_kind(port))
    alive, ready, period = health.path, health.readiness_path, health.period_seconds
    return {
        "startupProbe": _probe(health, _handler(health, alive, port), STARTUP_PERIOD, health.startup_failures),
        "readinessProbe": _probe(health, _handler(health, ready, port), period, FAILURES),
        "livenessProbe": _probe(health, _handler(health, alive, port), period, FAILURES),
    }


def _kind(port: Port | None) -> Literal["http", "grpc", "tcp"]:
    """The probe that suits what the port speaks, for a domain that says nothing about its health."""
    protocol = port.app_protocol if port else "http"
    if protocol in ("http", "http2", "https"):
        return "http"
    return "grpc" if protocol == "grpc" else "tcp"


def _handler(health: Health, path: str, port: Port | None) -> Manifest:
    if health.kind == "exec" or port is None:  # without a port there is only exec: the schema sees to it
        return {"exec": {"command": list(health.command or ())}}
    match health.kind:
        case "grpc":
            # The API takes a number only, and an empty service asks for the server as a whole.
            return {"grpc": {"port": port.port, "service": ""}}
        case "tcp":
            return {"tcpSocket": {"port": port.name}}
        case _:
            scheme = "HTTPS" if port.app_protocol == "https" else "HTTP"
            return {"httpGet": {"path": path, "port": port.name, "scheme": scheme}}


def _probe(health: Health, handler: Manifest, period: int, failures: int) -> Manifest:
    return {
        **handler,
        "periodSeconds": period,
        "timeoutSeconds": health.timeout_seconds,
        "successThreshold": 1,
        "failureThreshold": failures,
    }
