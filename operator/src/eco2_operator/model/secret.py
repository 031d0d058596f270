"""EcoSecretBinding: one set of secrets, read from a parameter store into a Secret of the same name."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    Check,
    DataKey,
    DnsSubdomain,
    Duration,
    Model,
    Rule,
    keyed,
    matches,
    milliseconds,
)

Parameter = Annotated[
    str,
    Field(max_length=1011),
    matches(
        r"^(/[A-Za-z0-9_.-]+)+$",
        "must be a parameter name from its root, such as /eco2/dev/api/openai-api-key,"
        " without // or a slash at the end",
    ),
]
Region = Annotated[
    str,
    Field(max_length=32),
    matches(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "must be an AWS region such as ap-northeast-2"),
]
Interval = Annotated[
    Duration,
    Check(
        Rule(
            "!self.matches(r\"^([0-9]{1,5}(ms|s|m|h)){1,4}$\") || duration(self) >= duration('10s')",
            "must be at least 10s",
            lambda text: milliseconds(text) >= 10_000,
        )
    ),
]


class SecretStoreRef(Model):
    """The External Secrets store to read from."""

    kind: Literal["SecretStore", "ClusterSecretStore"] = Field("ClusterSecretStore", description="Its kind.")
    name: DnsSubdomain = Field(description="Its name.")


class SecretKey(Model):
    """One key of the Secret and the parameter it comes from."""

    name: DataKey = Field(description="Key in the Secret.")
    parameter: Parameter = Field(description="Name of the SSM parameter, from its root.")
    property: Annotated[str, Field(min_length=1)] | None = Field(
        None, max_length=256, description="Field of a parameter whose value is JSON; dots go deeper."
    )


class EcoSecretBindingSpec(Model):
    """Which parameters become which keys, and how."""

    backend: Literal["auto", "external-secrets", "ssm"] = Field(
        "auto", description="auto: External Secrets where it is installed, else SSM."
    )
    secret_store_ref: SecretStoreRef | None = Field(None, description="Store; needed by external-secrets.")
    region: Region | None = Field(None, description="AWS region; default the operator's.")
    refresh_interval: Interval = Field("1h", description="How often parameters are read again.")
    keys: list[SecretKey] = Field(
        min_length=1, max_length=64, description="Keys of the Secret.", json_schema_extra=keyed("name")
    )
    rotation: Literal["restart", "ignore"] = Field(
        "restart", description="What a changed key does to the pods that read it."
    )
    suspend: bool = Field(False, description="True stops reading.")

    rules: ClassVar = (
        Rule(
            "self.backend != 'external-secrets' || has(self.secretStoreRef)",
            "backend external-secrets needs secretStoreRef",
            lambda s: s.backend != "external-secrets" or s.secret_store_ref is not None,
            ".secretStoreRef",
            "FieldValueRequired",
        ),
        Rule(
            "self.backend != 'ssm' || !has(self.secretStoreRef)",
            "backend ssm takes no secretStoreRef: remove it or use auto",
            lambda s: s.backend != "ssm" or s.secret_store_ref is None,
            ".secretStoreRef",
            "FieldValueForbidden",
        ),
    )
