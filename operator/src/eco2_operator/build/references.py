"""Which Secrets and ConfigMaps pods read, and which of their keys: taken from the pod itself, so none is missed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

Source = Literal["Secret", "ConfigMap"]


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """Something a pod reads from its namespace."""

    kind: Source
    name: str
    key: str = ""
    """Empty: all keys."""
    optional: bool = False

    def __str__(self) -> str:
        return f"key {self.key} of {self.kind} {self.name}" if self.key else f"{self.kind} {self.name}"


def references(pod: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Everything the containers and volumes of a pod spec read, each once, sorted."""
    containers = chain(pod.get("containers") or (), pod.get("initContainers") or ())
    found = {reference for container in containers for reference in _of_container(container)}
    found |= {reference for volume in pod.get("volumes") or () for reference in _of_volume(volume)}
    return tuple(sorted(found))


def read_by(spec: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets that the pods of an EcoDomain read, from its spec as JSON. Migrations included."""
    pod = spec.get("pod") or {}
    containers = (spec, spec.get("migrations") or {}, *(pod.get("initContainers") or ()), *(pod.get("sidecars") or ()))
    names = {r.name for container in containers for r in _of_container(container) if r.kind == "Secret"}
    names |= {use["name"] for use in spec.get("secrets") or ()}
    return names | {file["secret"] for file in spec.get("files") or () if file.get("secret")}


def _of_container(container: Mapping[str, Any]) -> Iterator[Reference]:
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        yield from _one("Secret", source.get("secretKeyRef"))
        yield from _one("ConfigMap", source.get("configMapKeyRef"))
    for whole in container.get("envFrom") or ():
        yield from _one("Secret", whole.get("secretRef"))
        yield from _one("ConfigMap", whole.get("configMapRef"))


def _one(kind: Source, reference: Mapping[str, Any] | None) -> Iterator[Reference]:
    if reference:
        optional = bool(reference.get("optional"))
        yield Reference(kind, reference["name"], reference.get("key", ""), optional)


def _of_volume(volume: Mapping[str, Any]) -> Iterator[Reference]:
    if secret := volume.get("secret"):
        yield from _items("Secret", secret["secretName"], secret)
    if config_map := volume.get("configMap"):
        yield from _items("ConfigMap", config_map["name"], config_map)


def _items(kind: Source, name: str, volume: Mapping[str, Any]) -> Iterable[Reference]:
    optional, keys = bool(volume.get("optional")), [item["key"] for item in volume.get("items") or ()]
    return [Reference(kind, name, key, optional) for key in keys or [""]]
