"""What others have added to an object of ours, by its managed fields. Pure.

A field counts when another manager owns it and we do not: annotations, labels, ``restartedAt``, sidecars, replicas that
an autoscaler holds. What controllers write through the status subresource is no addition.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eco2_operator.diff import owned_fields
from eco2_operator.naming import FIELD_MANAGER, REPLICAS_MANAGER, Manifest, Ref

Found = tuple[str, Any]
"""A path and the value there."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One field of somebody else."""

    ref: Ref
    path: str
    value: Any
    manager: str
    """Field manager, as the API server knows it."""
    at: str
    """When it last wrote, RFC 3339; empty when the API server does not say."""

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        ref = self.ref
        place = {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
        return {**place, "path": self.path, "value": self.value, "manager": self.manager, "time": self.at or None}


def additions(live: Manifest) -> list[Addition]:
    """Every field of others, in the order of their managers in the object."""
    ours, ref = owned_fields(live, manager=FIELD_MANAGER), Ref.of(live)
    found = []
    for entry in live["metadata"].get("managedFields") or ():
        manager = entry.get("manager", "")
        if manager in (FIELD_MANAGER, REPLICAS_MANAGER) or entry.get("subresource") == "status":
            continue
        for path, value in _added(entry.get("fieldsV1") or {}, ours, live, ""):
            found.append(Addition(ref, path, value, manager, entry.get("time", "")))
    return found


def _added(theirs: Mapping[str, Any], ours: Mapping[str, Any], value: Any, path: str) -> Iterator[Found]:
    """Walk two fieldsV1 sets (KEP-555); a list element or a set member that is not ours is told as a whole."""
    for member, below in theirs.items():
        sort, _, rest = member.partition(":")
        if sort == "f" and isinstance(value, Mapping) and rest in value:
            where = f"{path}.{rest}" if path else rest
            yield from _field(below, ours.get(member), value[rest], where)
        elif sort == "k" and isinstance(value, list):
            keys = json.loads(rest)
            where = f"{path}[{','.join(f'{key}={wanted}' for key, wanted in keys.items())}]"
            element = next((item for item in value if _has(item, keys)), None)
            if element is not None and member not in ours:
                yield where, element
            elif element is not None:
                yield from _added(below, ours[member], element, where)
        elif sort == "v" and isinstance(value, list) and member not in ours and json.loads(rest) in value:
            yield path, json.loads(rest)


def _field(below: Mapping[str, Any], ours: Mapping[str, Any] | None, value: Any, where: str) -> Iterator[Found]:
    if any(member != "." for member in below):
        # An empty set under a field of ours means that the whole of it is ours.
        if ours is None or ours:
            yield from _added(below, ours or {}, value, where)
    elif ours is None and value not in ({}, []):
        yield where, value


def _has(item: Any, keys: Mapping[str, Any]) -> bool:
    defaults = {"protocol": "TCP"}
    return isinstance(item, Mapping) and all(item.get(k, defaults.get(k)) == v for k, v in keys.items())
