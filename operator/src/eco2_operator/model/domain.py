"""EcoDomain: one backend domain."""

import ipaddress
import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    METADATA_KEYS,
    SET,
    Argument,
    Check,
    DataKey,
    DnsLabel,
    DnsSubdomain,
    DnsSubdomainOrEmpty,
    FreeMountPath,
    HttpPath,
    IntOrPercent,
    LabelName,
    LabelValue,
    Model,
    Namespace,
    NodeLabels,
    NodePort,
    PortName,
    PortNumber,
    Quantity,
    Rule,
    keyed,
    matches,
)
from eco2_operator.model.pod import (
    ENV,
    Container,
    EnvFromSource,
    EnvVars,
    Image,
    PullPolicy,
    Resources,
    Toleration,
)

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
DataStore = Literal["postgres", "redis", "rabbitmq"]


def _is_cidr(value: str) -> bool:
    address, slash, bits = value.partition("/")
    if not slash or not bits.isascii() or not bits.isdigit() or (len(bits) > 1 and bits.startswith("0")):
        return False
    if "%" in address:
        return False
    try:
        network = ipaddress.ip_interface(value).ip
    except ValueError:
        return False
    return network.version == 4 or network.ipv4_mapped is None


Cidr = Annotated[
    str,
    Field(max_length=43),
    Check(Rule("isCIDR(self)", "must be an address range such as 10.0.0.0/8", _is_cidr)),
]

RESERVED_PREFIXES = (
    "app.kubernetes.io/",
    "eco2.growbin.app/",
    "argocd.argoproj.io/",
    "kubectl.kubernetes.io/",
    "kopf.",
)
RESERVED_KEYS = ("domain", "tier", "role", "pod-template-hash")
_RESERVED = Check(
    Rule(
        "self.all(k, "
        + " && ".join(f"!k.startsWith('{prefix}')" for prefix in RESERVED_PREFIXES)
        + f" && !(k in {list(RESERVED_KEYS)}))",
        "keys under app.kubernetes.io/, eco2.growbin.app/, argocd.argoproj.io/, kubectl.kubernetes.io/ and kopf., "
        "and domain, tier, role, pod-template-hash are the operator's: use another key",
        lambda keys: not any(key.startswith(RESERVED_PREFIXES) or key in RESERVED_KEYS for key in keys),
    )
)
OwnLabels = Annotated[dict[str, LabelValue], Field(max_length=32), METADATA_KEYS, _RESERVED]
OwnAnnotations = Annotated[
    dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32), METADATA_KEYS, _RESERVED
]
CallPath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^/[A-Za-z0-9._~!$&'()+,;=:@%/-]*[*]?$",
        "must be a URL path that starts with /, with * at most at the end, such as /api/v1/internal/*",
    ),
]


class Autoscaling(Model):
    """A HorizontalPodAutoscaler instead of a fixed number of replicas."""

    rules: ClassVar = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas must not be over maxReplicas",
            lambda a: a.min_replicas <= a.max_replicas,
            ".minReplicas",
        ),
    )
    min_replicas: int = Field(1, ge=1, le=1000, description="Never fewer pods than this.")
    max_replicas: int = Field(ge=1, le=1000, description="Never more pods than this.")
    target_cpu_utilization: int = Field(
        70,
        ge=1,
        le=100,
        alias="targetCPUUtilization",
        description="Average CPU use to aim at, in percent of the request.",
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


class SecretUse(Model):
    """Keys of an EcoSecretBinding of the same namespace that the pods read."""

    rules: ClassVar = (
        Rule(
            "self.__as__ == 'files' || !has(self.mountPath)",
            "mountPath belongs to as: files: remove it, or set as: files",
            lambda s: s.as_ == "files" or s.mount_path is None,
            ".mountPath",
            "FieldValueForbidden",
        ),
    )
    name: DnsLabel = Field(description="Name of the EcoSecretBinding, and so of its Secret.")
    keys: list[DataKey] | None = Field(
        None, min_length=1, max_length=64, description="Keys to read; default all.", json_schema_extra=SET
    )
    as_: Literal["env", "files"] = Field(
        "env", alias="as", description="As variables, or as files named after the keys."
    )
    mount_path: FreeMountPath | None = Field(None, description="Folder of the files; default /etc/secrets/<name>.")


class FileMount(Model):
    """A ConfigMap or Secret as files."""

    rules: ClassVar = (
        Rule(
            "has(self.configMap) != has(self.secret)",
            "name exactly one of configMap and secret",
            lambda f: (f.config_map is None) != (f.secret is None),
        ),
    )
    config_map: DnsSubdomain | None = Field(None, description="The ConfigMap.")
    secret: DnsSubdomain | None = Field(None, description="The Secret.")
    mount_path: FreeMountPath = Field(description="Folder where its keys appear, read-only.")


class Volume(Model):
    """A scratch folder (emptyDir) with a bound."""

    rules: ClassVar = (
        Rule(
            "self.name != 'tmp'",
            "tmp is the volume of /tmp, which every pod has: use another name",
            lambda v: v.name != "tmp",
            ".name",
        ),
    )
    name: DnsLabel = Field(description="Name; extra containers may mount it.")
    mount_path: FreeMountPath = Field(description="Where the domain's container sees it.")
    size_limit: Quantity = Field(description="The pod is evicted when it holds more.")
    medium: Literal["", "Memory"] = Field("", description="Empty for disk, Memory for a RAM disk.")


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


class Migrations(Model):
    """A Job that brings the database schema to what this version needs, before its pods run."""

    command: list[Argument] = Field(
        min_length=1, max_length=64, description="Command of the Job.", json_schema_extra=ATOMIC
    )
    args: list[Argument] | None = Field(None, max_length=64, description="Arguments.", json_schema_extra=ATOMIC)
    image: Image | None = Field(None, description="Image; default the domain's.")
    env: EnvVars | None = Field(None, description="Variables; default the domain's.", json_schema_extra=ENV)
    timeout_seconds: int = Field(600, ge=1, le=86400, description="Seconds until the Job has failed.")
    retries: int = Field(2, ge=0, le=10, description="Further attempts after a failed one.")


class Entrance(Model):
    """A namespace whose EcoIngresses may route here."""

    namespace: Namespace = Field(description="Its name.")


class Inbound(Model):
    """A domain that may call this one."""

    domain: LabelName = Field(description="Label `domain` of the caller.")
    namespace: Namespace | None = Field(None, description="Namespace of the caller; default the same.")
    paths: list[CallPath] | None = Field(
        None,
        min_length=1,
        max_length=32,
        description="HTTP paths it may call, `*` at the end as wildcard; default all. Enforced in the mesh.",
        json_schema_extra=SET,
    )


class Outbound(Model):
    """Something this domain may call. Exactly one of domain, data, external and cidr."""

    rules: ClassVar = (
        Rule(
            "[has(self.domain), has(self.data), has(self.external), has(self.cidr)].filter(x, x).size() == 1",
            "name exactly one of domain, data, external and cidr",
            lambda o: sum(v is not None for v in (o.domain, o.data, o.external, o.cidr)) == 1,
        ),
        Rule(
            "!has(self.__namespace__) || has(self.domain)",
            "namespace goes with domain: remove it or name the domain",
            lambda o: o.namespace is None or o.domain is not None,
            ".namespace",
            "FieldValueForbidden",
        ),
        Rule(
            "has(self.port) == has(self.cidr)",
            "cidr and port go together: give both or neither",
            lambda o: (o.port is None) == (o.cidr is None),
            ".port",
        ),
    )
    domain: LabelName | None = Field(None, description="Label `domain` of the target.")
    namespace: Namespace | None = Field(None, description="Namespace of the target domain; default the same.")
    data: DataStore | None = Field(None, description="A data store: the namespaces labelled data-type.")
    external: Literal["https"] | None = Field(None, description="Port 443 outside the cluster.")
    cidr: Cidr | None = Field(None, description="An address range.")
    port: PortNumber | None = Field(None, description="TCP port in that range.")


class Access(Model):
    """Who may call the domain, and whom it may call. Everything else is refused."""

    enforcement: Literal["active", "shadow"] = Field(
        "active", description="shadow reports what would be refused and blocks nothing."
    )
    ingress: list[Entrance] | None = Field(
        None,
        max_length=32,
        description="Namespaces whose EcoIngresses may route here; default its own and the operator's list.",
        json_schema_extra=keyed("namespace"),
    )
    inbound: list[Inbound] | None = Field(
        None, max_length=64, description="Domains that may call this one.", json_schema_extra=ATOMIC
    )
    outbound: list[Outbound] | None = Field(
        None, max_length=64, description="What this domain may call.", json_schema_extra=ATOMIC
    )


class Placement(Model):
    """On which nodes the pods run."""

    rules: ClassVar = (
        Rule(
            "!(has(self.node) && has(self.nodeSelector))",
            "node and nodeSelector exclude each other: remove one",
            lambda p: p.node is None or p.node_selector is None,
            ".nodeSelector",
            "FieldValueForbidden",
        ),
    )
    node: LabelName | None = Field(None, description="Node label and taint `domain=<node>`.")
    node_selector: NodeLabels | None = Field(None, description="Node labels.")
    tolerations: list[Toleration] | None = Field(
        None, max_length=16, description="Accepted taints.", json_schema_extra=ATOMIC
    )
    spread: Literal["hostname", "zone", "none"] = Field(
        "hostname", description="Across what the pods are spread, where possible."
    )


class Rollout(Model):
    """How a new version replaces the old."""

    rules: ClassVar = (
        Rule(
            "self.drainSeconds < self.terminationGracePeriodSeconds",
            "drainSeconds must be under terminationGracePeriodSeconds",
            lambda r: r.drain_seconds < r.termination_grace_period_seconds,
            ".drainSeconds",
        ),
        Rule(
            "!((self.maxSurge == 0 || self.maxSurge == '0%')"
            " && (self.maxUnavailable == 0 || self.maxUnavailable == '0%'))",
            "maxSurge and maxUnavailable cannot both be 0: no pod could ever be replaced",
            lambda r: not (r.max_surge in (0, "0%") and r.max_unavailable in (0, "0%")),
            ".maxUnavailable",
        ),
    )
    progress_deadline_seconds: int = Field(
        300, ge=10, le=86400, description="Seconds without progress until the rollout counts as stuck."
    )
    max_surge: IntOrPercent = Field(1, description="Pods over the wanted number while rolling.")
    max_unavailable: IntOrPercent = Field(0, description="Pods that may be missing while rolling.")
    drain_seconds: int = Field(
        5, ge=0, le=600, description="Seconds a stopping pod still serves, so that load balancers notice."
    )
    termination_grace_period_seconds: int = Field(
        30, ge=1, le=3600, description="Seconds until a stopping pod is killed, drain included."
    )


class PodSpec(Model):
    """What the operator does not decide about the pods."""

    labels: OwnLabels | None = Field(None, description="Further pod labels.")
    annotations: OwnAnnotations | None = Field(None, description="Further pod annotations.")
    priority_class_name: DnsSubdomainOrEmpty | None = Field(None, description="Scheduling priority.")
    run_as_user: int = Field(10001, ge=1, le=2147483647, description="User and group id; never root.")
    init_containers: list[Container] | None = Field(
        None,
        max_length=8,
        description="Containers that run to completion first.",
        json_schema_extra=keyed("name"),
    )
    sidecars: list[Container] | None = Field(
        None,
        max_length=8,
        description="Containers that run beside the domain, started before it and stopped after it.",
        json_schema_extra=keyed("name"),
    )

    rules: ClassVar = (
        Rule(
            "!has(self.initContainers) || self.initContainers.all(c, c.name != 'app')",
            "app is the domain's own container: use another name in initContainers",
            lambda p: all(c.name != "app" for c in p.init_containers or ()),
            ".initContainers",
        ),
        Rule(
            "!has(self.sidecars) || self.sidecars.all(c, c.name != 'app')",
            "app is the domain's own container: use another name in sidecars",
            lambda p: all(c.name != "app" for c in p.sidecars or ()),
            ".sidecars",
        ),
        Rule(
            "!has(self.sidecars) || !has(self.initContainers) || "
            "self.sidecars.all(s, self.initContainers.all(i, i.name != s.name))",
            "initContainers and sidecars must not share a name",
            lambda p: not ({c.name for c in p.init_containers or ()} & {c.name for c in p.sidecars or ()}),
            ".sidecars",
        ),
    )


class ServiceAccountSpec(Model):
    """The pods' ServiceAccount."""

    annotations: OwnAnnotations | None = Field(None, description="Annotations, for example an IAM role.")


class Pdb(Model):
    """How many pods a node drain may take away at once. Exactly one of the two."""

    rules: ClassVar = (
        Rule(
            "has(self.maxUnavailable) != has(self.minAvailable)",
            "name exactly one of maxUnavailable and minAvailable",
            lambda p: (p.max_unavailable is None) != (p.min_available is None),
        ),
    )
    max_unavailable: IntOrPercent | None = Field(None, description="Pods that may be missing.")
    min_available: IntOrPercent | None = Field(None, description="Pods that must stay.")


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
