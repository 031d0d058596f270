"""How many pods there are, and how a new version replaces the old."""

from typing import ClassVar

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    Argument,
    IntOrPercent,
    Model,
    Rule,
)
from eco2_operator.model.pod import (
    ENV,
    EnvVars,
    Image,
)


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
