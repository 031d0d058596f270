"""Environment variables of containers."""

from collections.abc import Iterable

from eco2_operator.build.fields import given
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.pod import (
    EnvFromSource,
    EnvSource,
    EnvVar,
    FieldSelector,
    KeySelector,
    ObjectReference,
    ResourceFieldSelector,
)
from eco2_operator.naming import Manifest


def app_env(spec: EcoDomainSpec) -> list[Manifest]:
    """Variables of the domain's container: keys of its secrets, then its own, which win over such a key."""
    own = variables(spec.env)
    taken = {variable["name"] for variable in own}
    keys: dict[str, Manifest] = {}
    for use in spec.secrets or ():
        if use.as_ == "env":
            for key in sorted(use.keys or ()):
                keys.pop(key, None)  # of two secrets with the same key the later one has it
                keys[key] = {"name": key, "valueFrom": {"secretKeyRef": {"name": use.name, "key": key}}}
    return [variable for name, variable in keys.items() if name not in taken] + own


def app_env_from(spec: EcoDomainSpec) -> list[Manifest]:
    """Whole Secrets and ConfigMaps as variables; ``secrets`` without keys first, since later ones win."""
    whole = [
        EnvFromSource(secret_ref=ObjectReference(name=use.name))
        for use in spec.secrets or ()
        if use.as_ == "env" and use.keys is None
    ]
    return sources([*whole, *(spec.env_from or ())])


def variables(env: Iterable[EnvVar] | None) -> list[Manifest]:
    """Variables in the given order, since one may refer to those before it."""
    return [given({"name": v.name, "value": v.value, "valueFrom": _source(v.value_from)}) for v in env or ()]


def sources(env_from: Iterable[EnvFromSource] | None) -> list[Manifest]:
    """The ``envFrom`` of a container."""
    return [
        given(
            {
                "prefix": source.prefix,
                "configMapRef": _object(source.config_map_ref),
                "secretRef": _object(source.secret_ref),
            }
        )
        for source in env_from or ()
    ]


def _object(reference: ObjectReference | None) -> Manifest | None:
    return given({"name": reference.name, "optional": reference.optional}) if reference else None


def _source(source: EnvSource | None) -> Manifest | None:
    """Where a value comes from.

    All four are atomic in the API, so that its defaults (apiVersion, divisor) have to be spelled out.
    """
    if source is None:
        return None
    return given(
        {
            "secretKeyRef": _key(source.secret_key_ref),
            "configMapKeyRef": _key(source.config_map_key_ref),
            "fieldRef": _field(source.field_ref),
            "resourceFieldRef": _resource(source.resource_field_ref),
        }
    )


def _key(key: KeySelector | None) -> Manifest | None:
    return given({"name": key.name, "key": key.key, "optional": key.optional}) if key else None


def _field(field: FieldSelector | None) -> Manifest | None:
    return {"apiVersion": "v1", "fieldPath": field.field_path} if field else None


def _resource(field: ResourceFieldSelector | None) -> Manifest | None:
    if field is None:
        return None
    divisor = field.divisor or "0"
    return given({"containerName": field.container_name, "resource": field.resource, "divisor": divisor})
