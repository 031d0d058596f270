"""The status subresources: what the operator reports. It writes them, nobody else does."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from eco2_operator.model.base import ATOMIC, Model, keyed

Time = Annotated[datetime, Field(strict=False), WithJsonSchema({"type": "string", "format": "date-time"})]


class Condition(Model):
    """One fact, after the API conventions (metav1.Condition)."""

    type: str = Field(max_length=316, description="What it is about.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: int | None = Field(None, description="Generation of the spec it was found for.")
    last_transition_time: Time = Field(description="When status last changed.")
    reason: str = Field(max_length=1024, description="Why, as one CamelCase word.")
    message: str = Field(max_length=32768, description="What, where, and what to do.")


class InventoryItem(Model):
    """One object the operator made."""

    group: str = Field(max_length=253, description="API group; empty for the core group.")
    kind: str = Field(max_length=63, description="Kind.")
    namespace: str = Field(max_length=63, description="Namespace.")
    name: str = Field(max_length=253, description="Name.")
    uid: str = Field(max_length=64, description="Unique id; an object of another uid is not ours.")


class CommonStatus(Model):
    """What every kind reports."""

    observed_generation: int | None = Field(None, description="Generation the status was written for.")
    conditions: list[Condition] | None = Field(
        None, max_length=16, description="Facts; Ready is the summary.", json_schema_extra=keyed("type")
    )
    inventory: list[InventoryItem] | None = Field(
        None, max_length=128, description="Objects made for this resource.", json_schema_extra=ATOMIC
    )


class SucceededMigration(Model):
    """A migration that has run."""

    hash: str = Field(max_length=64, description="What ran.")
    finished_at: Time = Field(description="When.")


class MigrationStatus(Model):
    """The migration of the present spec."""

    hash: str | None = Field(None, max_length=64, description="What runs.")
    state: str | None = Field(None, max_length=32, description="Waiting, Running, Succeeded or Failed.")
    started_at: Time | None = Field(None, description="Start of the Job.")
    finished_at: Time | None = Field(None, description="End of the Job.")
    succeeded: list[SucceededMigration] | None = Field(
        None,
        max_length=20,
        description="The last migrations that succeeded; none runs again.",
        json_schema_extra=ATOMIC,
    )


class EcoDomainStatus(CommonStatus):
    """What became of an EcoDomain."""

    replicas: int | None = Field(None, description="Pods there are.")
    ready_replicas: int | None = Field(None, description="Pods that serve.")
    node_port: int | None = Field(None, description="Node port of the first port.")
    node_ports: dict[str, int] | None = Field(
        None, max_length=16, description="Node port of every port, by its name; kept through every change."
    )
    image: str | None = Field(None, max_length=1024, description="Image that runs; with digest when known.")
    migration: MigrationStatus | None = Field(None, description="Schema migration.")
    url: str | None = Field(None, max_length=512, description="Address inside the cluster.")


class RouteStatus(Model):
    """What became of one route."""

    path: str = Field(max_length=256, description="Its path.")
    state: str = Field(max_length=32, description="Programmed, Pending, Refused or Denied.")
    message: str | None = Field(None, max_length=1024, description="Why.")


class EcoIngressStatus(CommonStatus):
    """What became of an EcoIngress."""

    routes: list[RouteStatus] | None = Field(
        None, max_length=64, description="Every route.", json_schema_extra=keyed("path")
    )


class KeyStatus(Model):
    """What is known of one key; never its value."""

    name: str = Field(max_length=253, description="Key in the Secret.")
    version: str | None = Field(None, max_length=64, description="Version of the parameter.")
    hash_prefix: str | None = Field(None, max_length=16, description="Start of a keyed hash of the value.")
    last_changed: Time | None = Field(None, description="When the value last changed.")


class EcoSecretBindingStatus(CommonStatus):
    """What became of an EcoSecretBinding."""

    keys: list[KeyStatus] | None = Field(None, max_length=64, description="Every key.", json_schema_extra=keyed("name"))


Status = dict[str, Any]
"""A status as plain JSON values, in the shape of the models above."""
