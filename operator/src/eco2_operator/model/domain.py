"""EcoDomain: one backend domain."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.access import Access
from eco2_operator.model.base import (
    ATOMIC,
    SET,
    Argument,
    DnsLabel,
    DnsSubdomain,
    Model,
    NodePort,
    PortNumber,
    Rule,
    keyed,
)
from eco2_operator.model.files import FileMount, SecretUse, Volume
from eco2_operator.model.pod import (
    ENV,
    EnvFromSource,
    EnvVars,
    Image,
    PullPolicy,
    Resources,
)
from eco2_operator.model.rollout import Autoscaling, Migrations, Pdb, Rollout
from eco2_operator.model.service import Health, Metrics, Port, ServiceSpec
from eco2_operator.model.template import Placement, PodSpec, ServiceAccountSpec

Tier = Literal["business-logic", "data", "observability", "infrastructure"]
Role = Literal[
    "api",
    "worker",
    "database",
    "cache",
    "messaging",
    "metrics",
    "dashboards",
    "platform-core",
    "operators",
]
_SERVICE_PORTS = "self.ports.map(p, has(p.servicePort) ? p.servicePort : p.name == self.ports[0].name ? 80 : p.port)"
_LABEL = "(has(self.spec.domain) ? self.spec.domain : self.metadata.name)"


def _secret_path(variable: str) -> str:
    return f"(has({variable}.mountPath) ? {variable}.mountPath : '/etc/secrets/' + {variable}.name)"


def _mounted_cel(field: str) -> str:
    return (
        f"(!has(self.pod.{field}) || self.pod.{field}.all(c, !has(c.volumeMounts) || c.volumeMounts.all(m,"
        " m.name == 'tmp' || (has(self.volumes) && self.volumes.exists(v, v.name == m.name)))))"
    )


class EcoDomainSpec(Model):
    """What one backend domain needs; the operator makes everything else from it."""

    domain: DnsLabel | None = Field(None, description="Label value; default the resource's name. Immutable.")
    workload: Literal["service", "worker"] = Field("service", description="A worker has no Service and no route.")
    image: Image = Field(description="Tag or digest. A moving tag gives the warning condition ImageMutable.")
    image_pull_policy: PullPolicy | None = Field(None, description="Default IfNotPresent, and Always for a moving tag.")
    image_pull_secrets: list[DnsSubdomain] | None = Field(
        None, max_length=8, description="Names of pull Secrets.", json_schema_extra=SET
    )
    command: list[Argument] | None = Field(
        None, max_length=64, description="Entry point; default the image's.", json_schema_extra=ATOMIC
    )
    args: list[Argument] | None = Field(
        None, max_length=64, description="Arguments; default the image's.", json_schema_extra=ATOMIC
    )
    replicas: int | None = Field(None, ge=0, le=1000, description="Number of pods; default 1.")
    autoscaling: Autoscaling | None = Field(None, description="Instead of replicas.")
    port: PortNumber | None = Field(
        None,
        description="Short for ports: [{name: http, port: <port>, servicePort: 80, appProtocol: http}].",
    )
    ports: list[Port] | None = Field(
        None, min_length=1, max_length=16, description="Ports.", json_schema_extra=keyed("name")
    )
    node_port: NodePort | None = Field(
        None, description="Wanted node port of the first port; otherwise one is allocated and kept."
    )
    service: ServiceSpec | None = Field(None, description="How the Service is made.")
    tier: Tier = Field("business-logic", description="Layer of the system.")
    role: Role | None = Field(None, description="Part in that layer; default api, worker for a worker.")
    env: EnvVars | None = Field(None, description="Variables, as in a container.", json_schema_extra=ENV)
    env_from: list[EnvFromSource] | None = Field(
        None, max_length=32, description="Secrets and ConfigMaps as variables.", json_schema_extra=ATOMIC
    )
    secrets: list[SecretUse] | None = Field(
        None,
        max_length=32,
        description="EcoSecretBindings of this namespace that the pods read.",
        json_schema_extra=keyed("name"),
    )
    files: list[FileMount] | None = Field(
        None,
        max_length=32,
        description="ConfigMaps and Secrets as files.",
        json_schema_extra=keyed("mountPath"),
    )
    volumes: list[Volume] | None = Field(
        None, max_length=16, description="Scratch folders.", json_schema_extra=keyed("name")
    )
    resources: Resources | None = Field(None, description="Requests and limits.")
    health: Health | None = Field(None, description="Probes; a worker has none unless given.")
    metrics: Metrics | None = Field(None, description="Scraping by Prometheus.")
    migrations: Migrations | None = Field(None, description="Schema migration before a rollout.")
    access: Access | None = Field(None, description="Allowed calls.")
    placement: Placement | None = Field(None, description="Nodes.")
    rollout: Rollout | None = Field(None, description="Rolling update.")
    pod: PodSpec | None = Field(None, description="Further pod settings.")
    service_account: ServiceAccountSpec | None = Field(None, description="The pods' ServiceAccount.")
    pdb: Pdb | None = Field(None, description="Disruption budget; default maxUnavailable 1.")
    suspend: bool = Field(False, description="True stops every change to the children.")

    rules: ClassVar = (
        Rule(
            "!(has(self.replicas) && has(self.autoscaling))",
            "replicas and autoscaling exclude each other: remove one",
            lambda s: s.replicas is None or s.autoscaling is None,
            ".replicas",
            "FieldValueForbidden",
        ),
        Rule(
            "!(has(self.port) && has(self.ports))",
            "port and ports exclude each other: remove one",
            lambda s: s.port is None or s.ports is None,
            ".port",
            "FieldValueForbidden",
        ),
        Rule(
            "self.workload == 'worker' || has(self.port) || has(self.ports)",
            "a service needs port or ports; for a program without one set workload: worker",
            lambda s: s.workload == "worker" or _has_port(s),
            ".port",
            "FieldValueRequired",
        ),
        Rule(
            "self.workload == 'service' || !(has(self.nodePort) || has(self.service))",
            "a worker has no Service: remove nodePort and service",
            lambda s: s.workload == "service" or (s.node_port is None and s.service is None),
            ".workload",
        ),
        Rule(
            "!has(self.ports) || !self.ports.exists(p, has(p.nodePort))"
            " || (self.workload == 'service' && (!has(self.service) || self.service.type == 'NodePort'))",
            "nodePort in ports needs workload service and service.type NodePort",
            lambda s: not _ports_node_ports(s) or (s.workload == "service" and _on_nodes(s)),
            ".ports",
        ),
        Rule(
            "!has(self.nodePort) || !has(self.service) || self.service.type == 'NodePort'",
            "nodePort needs service.type NodePort",
            lambda s: s.node_port is None or _on_nodes(s),
            ".nodePort",
            "FieldValueForbidden",
        ),
        Rule(
            "!has(self.nodePort) || !has(self.ports) || size(self.ports) == 0 || !has(self.ports[0].nodePort)",
            "nodePort and ports[0].nodePort exclude each other: remove one",
            lambda s: s.node_port is None or not s.ports or s.ports[0].node_port is None,
            ".nodePort",
            "FieldValueForbidden",
        ),
        Rule(
            "!has(self.ports) || self.ports.all(p, self.ports.exists_one(q, q.port == p.port))",
            "two ports must not have the same number",
            lambda s: _distinct([p.port for p in s.ports or ()]),
            ".ports",
        ),
        Rule(
            f"self.workload == 'worker' || !has(self.ports)"
            f" || {_SERVICE_PORTS}.all(n, {_SERVICE_PORTS}.exists_one(m, m == n))",
            "two ports must not have the same servicePort (default: 80 for the first port, else the same as port)",
            lambda s: s.workload == "worker" or _distinct(_service_ports(s)),
            ".ports",
        ),
        Rule(
            "!has(self.ports) || self.ports.all(p, !has(p.nodePort) || ("
            "(!has(self.nodePort) || self.nodePort != p.nodePort)"
            " && self.ports.exists_one(q, has(q.nodePort) && q.nodePort == p.nodePort)))",
            "two ports must not have the same nodePort",
            lambda s: _distinct([*_ports_node_ports(s), *([s.node_port] if s.node_port else [])]),
            ".ports",
        ),
        Rule(
            "!has(self.health) || !has(self.health.port) || (has(self.ports) ? "
            "self.ports.exists(p, p.name == self.health.port) : has(self.port) && self.health.port == 'http')",
            "health.port must be the name of one of the ports (of port: http)",
            lambda s: s.health is None or s.health.port is None or s.health.port in _port_names(s),
            ".health.port",
        ),
        Rule(
            "!has(self.health) || self.health.kind == 'exec' || has(self.port) || has(self.ports)",
            "health of this kind needs a port: add ports or use kind exec",
            lambda s: s.health is None or s.health.kind == "exec" or _has_port(s),
            ".health.kind",
        ),
        Rule(
            "!has(self.metrics) || !has(self.metrics.port) || (has(self.ports) ? "
            "self.ports.exists(p, p.name == self.metrics.port) : has(self.port) && self.metrics.port == 'http')",
            "metrics.port must be the name of one of the ports (of port: http)",
            lambda s: s.metrics is None or s.metrics.port is None or s.metrics.port in _port_names(s),
            ".metrics.port",
        ),
        Rule(
            "!has(self.metrics) || !self.metrics.enabled || has(self.port) || has(self.ports)",
            "metrics need a port: add ports or set metrics.enabled: false",
            lambda s: s.metrics is None or not s.metrics.enabled or _has_port(s),
            ".metrics",
        ),
        Rule(
            "!has(self.volumes) || self.volumes.all(v,"
            " self.volumes.exists_one(w, w.mountPath == v.mountPath)"
            " && (!has(self.files) || self.files.all(f, f.mountPath != v.mountPath)))",
            "a mountPath of volumes must not occur again in volumes or files",
            lambda s: _distinct(_paths(s.volumes)) and not {*_paths(s.volumes)} & {*_paths(s.files)},
            ".volumes",
        ),
        Rule(
            "!has(self.secrets) || self.secrets.all(s, s.__as__ != 'files' || ("
            f"(!has(self.volumes) || self.volumes.all(v, v.mountPath != {_secret_path('s')}))"
            f" && (!has(self.files) || self.files.all(f, f.mountPath != {_secret_path('s')}))"
            f" && self.secrets.exists_one(t, t.__as__ == 'files' && {_secret_path('t')} == {_secret_path('s')})))",
            "a mountPath of secrets (default /etc/secrets/<name>) must not occur again in secrets, volumes or files",
            lambda s: _distinct(_secret_paths(s)) and not {*_secret_paths(s)} & {*_paths(s.volumes), *_paths(s.files)},
            ".secrets",
        ),
        Rule(
            "!has(self.pod) || (" + " && ".join(map(_mounted_cel, ("initContainers", "sidecars"))) + ")",
            "volumeMounts of extra containers must name one of spec.volumes, or tmp",
            lambda s: _mounted(s) <= {"tmp", *(v.name for v in s.volumes or ())},
            ".pod",
        ),
        Rule(
            "self.workload == oldSelf.workload",
            "workload is immutable: create a new EcoDomain and delete the old one",
            field=".workload",
        ),
    )
    resource_rules: ClassVar = (
        Rule(
            f"{_LABEL} == {_LABEL.replace('self', 'oldSelf')}",
            "domain is immutable: create a new EcoDomain and delete the old one",
            field=".spec.domain",
        ),
    )


def _distinct(values: list[Any]) -> bool:
    return len(set(values)) == len(values)


def _has_port(spec: EcoDomainSpec) -> bool:
    return spec.port is not None or spec.ports is not None


def _on_nodes(spec: EcoDomainSpec) -> bool:
    return spec.service is None or spec.service.type == "NodePort"


def _port_names(spec: EcoDomainSpec) -> set[str]:
    if spec.ports is not None:
        return {port.name for port in spec.ports}
    return {"http"} if spec.port is not None else set()


def _service_ports(spec: EcoDomainSpec) -> list[int]:
    return [port.service_port or (80 if index == 0 else port.port) for index, port in enumerate(spec.ports or ())]


def _ports_node_ports(spec: EcoDomainSpec) -> list[int]:
    return [port.node_port for port in spec.ports or () if port.node_port is not None]


def _paths(mounts: Sequence[Volume] | Sequence[FileMount] | None) -> list[str]:
    return [mount.mount_path for mount in mounts or ()]


def _secret_paths(spec: EcoDomainSpec) -> list[str]:
    return [
        secret.mount_path or f"/etc/secrets/{secret.name}" for secret in spec.secrets or () if secret.as_ == "files"
    ]


def _mounted(spec: EcoDomainSpec) -> set[str]:
    pod = spec.pod or PodSpec()
    containers = [*(pod.init_containers or ()), *(pod.sidecars or ())]
    return {mount.name for container in containers for mount in container.volume_mounts or ()}
