"""One object before and after an apply, both cut down to the fields the operator means to own. Pure."""

import difflib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from eco2_operator.cli import yamls
from eco2_operator.cli.diffs.paths import at, resolve
from eco2_operator.diff import difference, owned_fields, surplus
from eco2_operator.naming import FIELD_MANAGER, Manifest, Ref


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one object."""

    ref: Ref
    before: Manifest | None
    """None: it would be created."""
    after: Manifest | None
    """None: it would be deleted."""
    fields: tuple[Manifest, ...] = ()
    """Each changed field as ``path``, ``live``, ``wanted``."""

    @property
    def action(self) -> str:
        """``create``, ``update`` or ``delete``."""
        if self.before is None:
            return "create"
        return "update" if self.after is not None else "delete"

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        data: Manifest = {
            "action": self.action,
            "group": self.ref.group,
            "kind": self.ref.kind,
            "namespace": self.ref.namespace,
            "name": self.ref.name,
        }
        if self.fields:
            data["fields"] = list(self.fields)
        return data

    def lines(self) -> Iterator[str]:
        """A unified diff of the two as YAML."""
        where = f"{self.ref.kind}/{self.ref.namespace}/{self.ref.name}"
        yield from difflib.unified_diff(
            yaml_lines(self.before),
            yaml_lines(self.after),
            f"live/{where}" if self.before is not None else "/dev/null",
            f"wanted/{where}" if self.after is not None else "/dev/null",
            lineterm="",
        )


def compare(desired: Manifest, live: Manifest | None) -> Change | None:
    """The change that applying ``desired`` makes; None when it makes none."""
    ref = Ref.of(desired)
    if live is None:
        return Change(ref, None, desired)
    differences, leftovers = difference(desired, live), surplus(desired, live)
    if not differences and not leftovers:
        return None
    before = deepcopy(desired)
    # From the last to the first: taking out a list element moves only those behind it.
    for found in reversed(differences):
        _set_live(before, found.path, found.live)
    if leftovers:
        _add_owned(before, live, owned_fields(live, manager=FIELD_MANAGER))
    fields = [{"path": d.path, "live": d.live, "wanted": d.desired} for d in differences]
    fields += [{"path": d.path, "live": _live_value(d.path, live), "wanted": None} for d in leftovers]
    return Change(ref, before, desired, tuple(fields))


def removal(live: Manifest) -> Change:
    """The deletion of an object that is no longer wanted."""
    metadata = live["metadata"]
    before: Manifest = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata.get("namespace", "")},
    }
    _add_owned(before, live, owned_fields(live, manager=FIELD_MANAGER))
    return Change(Ref.of(live), before, None)


def yaml_lines(manifest: Manifest | None) -> list[str]:
    """An object as YAML, its keys in one order; nothing for none."""
    return yamls.dump(_ordered(manifest)).splitlines() if manifest is not None else []


_FIRST: Final = ("apiVersion", "kind", "metadata", "name", "namespace")


def _ordered(value: Any) -> Any:
    """The same value with its keys in one order, whoever wrote it: the API server keeps another than ours."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (_FIRST.index(key) if key in _FIRST else len(_FIRST), key))
        return {key: _ordered(value[key]) for key in keys}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _set_live(view: Manifest, path: str, live: Any) -> None:
    """Put the live value where the wanted one is; nothing live leaves nothing."""
    steps = resolve(path, view)
    if not steps:
        return
    parent = at(view, steps[:-1])
    if live is not None:
        parent[steps[-1]] = live
        return
    del parent[steps[-1]]
    if parent == [] and len(steps) > 1:
        del at(view, steps[:-2])[steps[-2]]


def _live_value(path: str, live: Manifest) -> Any:
    steps = resolve(path, live)
    return at(live, steps) if steps else None


def _add_owned(view: Any, live: Any, fields: Mapping[str, Any]) -> None:
    """Add to ``view`` what a fieldsV1 set names on ``live`` and ``view`` does not have."""
    for token, below in fields.items():
        sort, _, rest = token.partition(":")
        if sort == "f" and isinstance(view, dict) and isinstance(live, Mapping) and rest in live:
            if rest not in view:
                view[rest] = _cut(live[rest], below)
            else:
                _add_owned(view[rest], live[rest], below)
        elif sort == "k" and isinstance(view, list) and isinstance(live, list):
            keys = json.loads(rest)
            element, known = _find(live, keys), _find(view, keys)
            if known is not None:
                _add_owned(known, element, below)
            elif element is not None:
                view.append({**keys, **_cut(element, below)})
        elif sort == "v" and isinstance(view, list) and json.loads(rest) not in view:
            view.append(json.loads(rest))


def _cut(value: Any, fields: Mapping[str, Any]) -> Any:
    """A value without the fields of others."""
    if not any(part != "." for part in fields):
        return deepcopy(value)
    empty: Any = [] if isinstance(value, list) else {}
    _add_owned(empty, value, fields)
    return empty


def _find(items: Any, keys: Mapping[str, Any]) -> Any:
    """The list element with these keys; the API server fills in ``protocol: TCP``."""
    defaults = {"protocol": "TCP"}
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and all(item.get(k, defaults.get(k)) == v for k, v in keys.items()):
            return item
    return None
