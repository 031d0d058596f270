"""The parts of a pod a resource may set: environment, files, resources, extra containers, tolerations.

Field names and meanings follow the core/v1 API; only what the operator supports is listed, so that a typo is refused.
"""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    Argument,
    Check,
    DataKey,
    DnsLabel,
    DnsSubdomain,
    EnvName,
    Extra,
    LabelValue,
    MetadataKey,
    Model,
    MountPath,
    PortName,
    PortNumber,
    Quantity,
    Rule,
    keyed,
    matches,
    quantity,
)

PullPolicy = Literal["Always", "IfNotPresent", "Never"]
Image = Annotated[
    str,
    Field(max_length=512),
    matches(
        r"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$",
        "must be an image reference such as docker.io/mng990/eco2:scan-dev-latest, or one that ends in"
        " @sha256: and 64 hex digits: no scheme, no spaces, lower-case repository",
    ),
]


class KeySelector(Model):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: DnsSubdomain = Field(description="Name of the Secret or ConfigMap.")
    key: DataKey = Field(description="Key in its data.")
    optional: bool | None = Field(None, description="Start without the variable when the key is absent.")


FieldPath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^(metadata\.(name|namespace|uid|(labels|annotations)\['[A-Za-z0-9._/-]+'\])|spec\.(nodeName|serviceAccountName)"
        r"|status\.(hostIP|hostIPs|podIP|podIPs))$",
        "must be metadata.name, .namespace, .uid, .labels['key'] or .annotations['key'], spec.nodeName,"
        " spec.serviceAccountName, status.hostIP, .hostIPs, .podIP or .podIPs",
    ),
]
ResourceField = Annotated[
    str,
    Field(max_length=64),
    matches(
        r"^(limits|requests)\.(cpu|memory|ephemeral-storage)$",
        "must be limits or requests, a dot, and cpu, memory or ephemeral-storage, such as limits.memory",
    ),
]


class FieldSelector(Model):
    """A field of the pod itself."""

    field_path: FieldPath = Field(description="Path in the pod, such as status.podIP.")


class ResourceFieldSelector(Model):
    """A resource request or limit of a container."""

    rules: ClassVar = (
        Rule(
            "!has(self.divisor) || self.divisor == '1' || (self.divisor == '1m') == self.resource.endsWith('.cpu')",
            "the divisor of cpu is 1 or 1m, of everything else 1 or a unit from 1k to 1Ti",
            lambda s: s.divisor in (None, "1") or (s.divisor == "1m") == s.resource.endswith(".cpu"),
            ".divisor",
        ),
    )
    resource: ResourceField = Field(description="For example limits.memory.")
    container_name: DnsLabel | None = Field(None, description="Container; default the one that asks.")
    divisor: Literal["1m", "1", "1k", "1M", "1G", "1T", "1Ki", "1Mi", "1Gi", "1Ti"] | None = Field(
        None, description="Unit of the value; default 1."
    )


class EnvSource(Model):
    """Where a variable's value comes from."""

    rules: ClassVar = (
        Rule(
            "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef), has(self.resourceFieldRef)]"
            ".filter(x, x).size() == 1",
            "name exactly one of secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef",
            lambda s: (
                sum(v is not None for v in (s.secret_key_ref, s.config_map_key_ref, s.field_ref, s.resource_field_ref))
                == 1
            ),
        ),
    )
    secret_key_ref: KeySelector | None = Field(None, description="A key of a Secret.")
    config_map_key_ref: KeySelector | None = Field(None, description="A key of a ConfigMap.")
    field_ref: FieldSelector | None = Field(None, description="A field of the pod.")
    resource_field_ref: ResourceFieldSelector | None = Field(None, description="A resource of the container.")


class EnvVar(Model):
    """An environment variable."""

    rules: ClassVar = (
        Rule(
            "!(has(self.value) && has(self.valueFrom))",
            "value and valueFrom exclude each other: remove one",
            lambda e: e.value is None or e.value_from is None,
            ".valueFrom",
            "FieldValueForbidden",
        ),
    )
    name: EnvName = Field(description="Name of the variable.")
    value: str | None = Field(None, max_length=8192, description="Literal value; default empty.")
    value_from: EnvSource | None = Field(None, description="Value read from elsewhere.")


class ObjectReference(Model):
    """A whole Secret or ConfigMap."""

    name: DnsSubdomain = Field(description="Its name.")
    optional: bool | None = Field(None, description="Start without it when it is absent.")


class EnvFromSource(Model):
    """All keys of one Secret or ConfigMap as variables."""

    rules: ClassVar = (
        Rule(
            "has(self.secretRef) != has(self.configMapRef)",
            "name exactly one of secretRef and configMapRef",
            lambda e: (e.secret_ref is None) != (e.config_map_ref is None),
        ),
    )
    prefix: EnvName | None = Field(None, description="Put before each variable's name.")
    secret_ref: ObjectReference | None = Field(None, description="The Secret.")
    config_map_ref: ObjectReference | None = Field(None, description="The ConfigMap.")


EnvVars = Annotated[list[EnvVar], Field(max_length=128)]
ENV: Extra = keyed("name")

_PLAIN = ("cpu", "memory", "ephemeral-storage")
_EXTENDED = re.compile(r"^[a-z0-9.-]{1,190}/[A-Za-z0-9._-]{1,63}$", re.ASCII)
_REQUEST_NAMES = Check(
    Rule(
        f"self.all(k, k in {list(_PLAIN)})",
        "requests are of cpu, memory and ephemeral-storage; of an extended resource state the limit alone",
        lambda names: all(name in _PLAIN for name in names),
    )
)
_LIMIT_NAMES = Check(
    Rule(
        f'self.all(k, k in {list(_PLAIN)} || (k.matches(r"{_EXTENDED.pattern}")'
        ' && string(self[k]).matches(r"^[0-9]+$")))',
        "limits are of cpu, memory, ephemeral-storage, or whole numbers of an extended resource such as nvidia.com/gpu",
        lambda limits: all(
            name in _PLAIN or (_EXTENDED.fullmatch(name) and number.isdecimal()) for name, number in limits.items()
        ),
    )
)
Requests = Annotated[dict[str, Quantity], Field(max_length=3), _REQUEST_NAMES]
Limits = Annotated[dict[str, Quantity], Field(max_length=8), _LIMIT_NAMES]


def _within_limits(resources: "Resources") -> bool:
    limits = resources.limits or {}
    return all(
        quantity(request) <= quantity(limits[name])
        for name, request in (resources.requests or {}).items()
        if name in limits
    )


class Resources(Model):
    """Compute resources of a container."""

    rules: ClassVar = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits)"
            " || !isQuantity(string(self.requests[k])) || !isQuantity(string(self.limits[k]))"
            " || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
            "a request must not be over its limit: lower the request or raise the limit",
            _within_limits,
            ".requests",
        ),
    )
    requests: Requests | None = Field(None, description="What is reserved: cpu, memory, ephemeral-storage.")
    limits: Limits | None = Field(None, description="What is never exceeded.")


class Toleration(Model):
    """A node taint that pods accept."""

    rules: ClassVar = (
        Rule(
            "has(self.key) || self.operator == 'Exists'",
            "a toleration without key needs operator Exists",
            lambda t: t.key is not None or t.operator == "Exists",
            ".key",
            "FieldValueRequired",
        ),
        Rule(
            "self.operator == 'Equal' || !has(self.value) || self.value == ''",
            "operator Exists takes no value: remove it or use Equal",
            lambda t: t.operator == "Equal" or not t.value,
            ".value",
            "FieldValueForbidden",
        ),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds needs effect NoExecute",
            lambda t: t.toleration_seconds is None or t.effect == "NoExecute",
            ".tolerationSeconds",
            "FieldValueForbidden",
        ),
    )
    key: MetadataKey | None = Field(None, description="Taint key; none tolerates every key.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="How value is compared.")
    value: LabelValue | None = Field(None, description="Taint value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Taint effect; none tolerates every effect."
    )
    toleration_seconds: int | None = Field(None, ge=0, le=2147483647, description="Seconds to stay under NoExecute.")


class ContainerPort(Model):
    """A port an extra container listens on."""

    name: PortName | None = Field(None, description="Name to refer to it.")
    container_port: PortNumber = Field(description="Port number in the pod.")


class VolumeMount(Model):
    """Where a volume of the domain appears in an extra container."""

    name: DnsLabel = Field(description="A name of spec.volumes, or tmp.")
    mount_path: MountPath = Field(description="Absolute path.")
    read_only: bool | None = Field(None, description="Mounted read-only.")


class ContainerSecurity(Model):
    """The few security settings an extra container may relax."""

    run_as_user: int | None = Field(None, ge=1, le=2147483647, description="User id; never root.")
    read_only_root_filesystem: bool | None = Field(None, description="Default true.")


class Container(Model):
    """An extra container beside the domain's own; hardened in the same way."""

    rules: ClassVar = (
        Rule(
            "!has(self.ports) || self.ports.all(p, !has(p.name)"
            " || self.ports.exists_one(q, has(q.name) && q.name == p.name))",
            "two ports of a container must not have the same name",
            lambda c: len(names := [p.name for p in c.ports or () if p.name is not None]) == len(set(names)),
            ".ports",
        ),
    )
    name: DnsLabel = Field(description="Unique name in the pod; app is the domain's own.")
    image: Image = Field(description="Image reference.")
    image_pull_policy: PullPolicy | None = Field(None, description="When the image is pulled.")
    command: list[Argument] | None = Field(None, max_length=64, description="Entry point.", json_schema_extra=ATOMIC)
    args: list[Argument] | None = Field(None, max_length=64, description="Arguments.", json_schema_extra=ATOMIC)
    working_dir: MountPath | None = Field(None, description="Working directory.")
    env: EnvVars | None = Field(None, description="Variables, as in a container.", json_schema_extra=ENV)
    env_from: list[EnvFromSource] | None = Field(
        None, max_length=32, description="Secrets and ConfigMaps as variables.", json_schema_extra=ATOMIC
    )
    ports: list[ContainerPort] | None = Field(
        None, max_length=16, description="Ports.", json_schema_extra=keyed("containerPort")
    )
    resources: Resources | None = Field(None, description="Requests and limits.")
    volume_mounts: list[VolumeMount] | None = Field(
        None, max_length=32, description="Mounted volumes.", json_schema_extra=keyed("mountPath")
    )
    security_context: ContainerSecurity | None = Field(None, description="Relaxed security settings.")
