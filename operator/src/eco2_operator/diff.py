"""Whether a live object is what we want, and if not, where it first differs. Pure.

Two questions. `difference`: does every field we want have the value we want? Lists the API server merges by key are
compared by key and may hold elements of others; all other lists must be equal. `surplus`: do we own a field, by the
managed fields of our manager, that we no longer want? Merge keys: the x-kubernetes-list-map-keys of the API's OpenAPI.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Any

import orjson

from eco2_operator.model.base import quantity
from eco2_operator.naming import FIELD_MANAGER, Manifest


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as wanted. ``live`` is None when absent, ``desired`` is None when it must go."""

    path: str
    live: Any
    desired: Any

    def __str__(self) -> str:
        if self.desired is None:
            return f"{self.path} is no longer wanted"
        return f"{self.path} is {_short(self.live)}, wanted {_short(self.desired)}"


_POD_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ports": ("containerPort", "protocol"),
}
_MERGE_KEYS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Deployment": _POD_KEYS,
    "Job": _POD_KEYS,
    "Service": {"ports": ("port", "protocol")},
    "ServiceAccount": {"secrets": ("name",), "imagePullSecrets": ("name",)},
}
_KEY_DEFAULTS = {"protocol": "TCP"}
_QUANTITY_PATH = re.compile(r"\.resources\.(?:requests|limits)\.[^\[\]]+$|\.(?:sizeLimit|divisor)$")
"""Names of extended resources hold dots: ``limits.nvidia.com/gpu``."""
_ABSENT: Sequence[Any] = (None, "", [])
_IGNORED = ("apiVersion", "kind", "metadata.name", "metadata.namespace", "metadata.uid")


def difference(desired: Manifest, live: Manifest) -> list[Difference]:
    """Every field of `desired` whose value in `live` is another. Empty means equal."""
    return list(_Comparison(desired["kind"]).compare(desired, live, ""))


def surplus(desired: Manifest, live: Manifest, *, manager: str = FIELD_MANAGER) -> list[Difference]:
    """Every field that `manager` has applied to `live` and that `desired` does not hold."""
    fields = owned_fields(live, manager=manager)
    return list(_surplus(fields, desired, "")) if fields else []


def owned_fields(live: Manifest, *, manager: str) -> Mapping[str, Any]:
    """The fieldsV1 set of a manager's server-side applies to the main resource."""
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            found: Mapping[str, Any] = entry.get("fieldsV1") or {}
            return found
    return {}


class _Comparison:
    """Compares one object; knows the merge keys of its kind."""

    def __init__(self, kind: str) -> None:
        self._keys = _MERGE_KEYS.get(kind, {})

    def compare(self, desired: Any, live: Any, path: str) -> Iterator[Difference]:
        if isinstance(desired, Mapping):
            if isinstance(live, Mapping):
                yield from self._compare_maps(desired, live, path)
            else:
                yield Difference(path, live, desired)
        elif isinstance(desired, list):
            yield from self._compare_lists(desired, live if isinstance(live, list) else [], path)
        elif desired != live and not (desired == "" and live is None) and not _same_quantity(path, desired, live):
            yield Difference(path, live, desired)

    def _compare_maps(self, desired: Mapping[str, Any], live: Mapping[str, Any], path: str) -> Iterator[Difference]:
        for key, value in desired.items():
            if value is None or (path in ("", "metadata") and _join(path, key) in _IGNORED):
                continue
            yield from self.compare(value, live.get(key), _join(path, key))

    def _compare_lists(self, desired: Sequence[Any], live: Sequence[Any], path: str) -> Iterator[Difference]:
        keys = self._merge_keys(path)
        if keys is None:
            if not _same_atomic(desired, live):
                yield Difference(path, live or None, desired)
            return
        by_key = {key_of(item, keys): item for item in live}
        for item in desired:
            yield from self.compare(item, by_key.get(key_of(item, keys)), f"{path}[{_label(item, keys)}]")

    def _merge_keys(self, path: str) -> tuple[str, ...] | None:
        if path == "metadata.ownerReferences":
            return ("uid",)
        return self._keys.get(path.rpartition(".")[2])


def _same_atomic(desired: Any, live: Any) -> bool:
    """Deep equality, but an empty string or list may also be absent, as the API server stores it.

    An empty map or a zero may not: ``namespaceSelector: {}`` means every namespace, without it the policy's own.
    """
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return all(_same_atomic(desired.get(k), live.get(k)) for k in {**desired, **live})
    if isinstance(desired, list) and isinstance(live, list):
        return len(desired) == len(live) and all(map(_same_atomic, desired, live))
    return bool(desired == live) or (desired in _ABSENT and live in _ABSENT)


def _surplus(fields: Mapping[str, Any], desired: Any, path: str) -> Iterator[Difference]:
    """Walk a fieldsV1 set (KEP-555: ``f:`` a field, ``k:`` a list element by keys, ``v:`` a set element)."""
    for member, below in fields.items():
        if member == ".":
            continue
        sort, _, rest = member.partition(":")
        if sort == "f":
            where = _join(path, rest)
            if where in _IGNORED:
                continue
            wanted = desired.get(rest) if isinstance(desired, Mapping) else None
        elif sort == "k":
            keys = orjson.loads(rest)
            where = f"{path}[{','.join(f'{k}={v}' for k, v in keys.items())}]"
            wanted = _find(desired, keys)
        else:
            where = f"{path}[{rest}]"
            value = orjson.loads(rest)
            wanted = value if isinstance(desired, list) and value in desired else None
        if wanted is None:
            yield Difference(where, True, None)
        elif below:
            yield from _surplus(below, wanted, where)


def _find(items: Any, keys: Mapping[str, Any]) -> Any:
    if not isinstance(items, list):
        return None
    for item in items:
        if all(item.get(k, _KEY_DEFAULTS.get(k)) == v for k, v in keys.items()):
            return item
    return None


def key_of(item: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    """What tells a list element apart, defaults of the API server included."""
    return tuple(item.get(key, _KEY_DEFAULTS.get(key)) for key in keys)


def _label(item: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ",".join(f"{key}={item.get(key)}" for key in keys if key in item)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _same_quantity(path: str, desired: Any, live: Any) -> bool:
    if not _QUANTITY_PATH.search(path):
        return False
    try:
        return live is not None and quantity(str(desired)) == quantity(str(live))
    except (InvalidOperation, IndexError, ValueError):  # somebody else's value, in a form the schema does not let in
        return False


def _short(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
