"""How a domain is reached and asked how it is: ports, Service, probes, metrics."""

import math
from typing import ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    Argument,
    HttpPath,
    Model,
    NodePort,
    PortName,
    PortNumber,
    Rule,
)


class Port(Model):
    """A port of the domain's container, and of its Service."""

    name: PortName = Field(description="Name of the container port.")
    port: PortNumber = Field(description="Number the container listens on.")
    service_port: PortNumber | None = Field(
        None, description="Number of the Service; default 80 for the first port, else the same as port."
    )
    app_protocol: Literal["http", "http2", "https", "grpc", "tcp", "redis", "postgresql", "amqp"] = Field(
        "http", description="What is spoken on it; the Service's port is named after it."
    )
    node_port: NodePort | None = Field(None, description="Wanted node port; otherwise one is allocated and kept.")


class ServiceSpec(Model):
    """How the Service is made."""

    rules: ClassVar = (
        Rule(
            "self.type == 'NodePort' || !has(self.externalTrafficPolicy)",
            "externalTrafficPolicy belongs to type NodePort: remove it or change the type",
            lambda s: s.type == "NodePort" or s.external_traffic_policy is None,
            ".externalTrafficPolicy",
            "FieldValueForbidden",
        ),
    )
    type: Literal["NodePort", "ClusterIP"] = Field("NodePort", description="Kind of Service.")
    external_traffic_policy: Literal["Local", "Cluster"] | None = Field(
        None, description="Local (default) keeps the client's address; Cluster lets every node answer."
    )


class Health(Model):
    """How the kubelet asks whether the domain is alive and ready."""

    rules: ClassVar = (
        Rule(
            "(self.kind == 'exec') == has(self.command)",
            "command goes with kind exec, and only with it",
            lambda h: (h.kind == "exec") == (h.command is not None),
        ),
    )
    kind: Literal["http", "grpc", "tcp", "exec"] = Field("http", description="Kind of probe.")
    path: HttpPath = Field("/health", description="Liveness path (http).")
    readiness_path: HttpPath = Field("/ready", description="Readiness path (http).")
    port: PortName | None = Field(None, description="Name of the probed port; default the first.")
    command: list[Argument] | None = Field(
        None, min_length=1, max_length=64, description="Command (exec); 0 is healthy.", json_schema_extra=ATOMIC
    )
    startup_seconds: int = Field(60, ge=1, le=3600, description="Seconds a start may take.")
    period_seconds: int = Field(10, ge=1, le=300, description="Seconds between two probes.")
    timeout_seconds: int = Field(2, ge=1, le=60, description="Seconds until a probe counts as failed.")

    @property
    def startup_failures(self) -> int:
        """Failed startup probes, two seconds apart, until the container is restarted."""
        return math.ceil(self.startup_seconds / 2)


class Metrics(Model):
    """Where Prometheus scrapes the domain."""

    enabled: bool = Field(True, description="False turns scraping off.")
    path: HttpPath = Field("/metrics/status", description="Path of the metrics.")
    port: PortName | None = Field(None, description="Name of the port; default the first.")
