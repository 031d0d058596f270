"""What a domain finds in its file system, and the secrets it reads."""

from typing import ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    SET,
    DataKey,
    DnsLabel,
    DnsSubdomain,
    FreeMountPath,
    Model,
    Quantity,
    Rule,
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
