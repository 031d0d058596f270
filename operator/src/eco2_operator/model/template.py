"""What a domain says about its pods: metadata, identity, extra containers, nodes."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    METADATA_KEYS,
    Check,
    DnsSubdomainOrEmpty,
    LabelName,
    LabelValue,
    Model,
    NodeLabels,
    Rule,
    keyed,
)
from eco2_operator.model.pod import (
    Container,
    Toleration,
)

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
