"""Who holds which field: paths of conflicting fields, and the memory of fights over them. Pure but for the clock given.

A field that the same manager takes back three times within ten minutes is conceded for the rest of that time: two
controllers writing against each other forever help nobody, and the condition names both.
"""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import orjson

from eco2_operator.naming import REPLICAS_MANAGER, Manifest, Ref

LIMIT = 3
WINDOW = 600.0
"""Seconds."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(rf"\.([^.\[]+)|\[((?:{_QUOTED}|[^\]\"])*)\]")
_PAIR = re.compile(rf"([^=,]*)=({_QUOTED}|[^,]*)")


def parse_path(path: str) -> list[str | dict[str, Any]]:
    """A field path of a conflict, such as ``.spec.ports[port=80,protocol="TCP"].nodePort``, as steps.

    A string steps into a map, a dict selects the list element with these keys. Keys that hold dots
    (``.metadata.labels.app.kubernetes.io/name``) come out as several steps; `without` puts them together again.
    """
    steps: list[str | dict[str, Any]] = []
    for field, selector in _STEP.findall(path):
        if field:
            steps.append(field)
        else:
            steps.append({key: _value(text) for key, text in _PAIR.findall(selector)})
    return steps


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def without(manifest: Manifest, paths: list[str]) -> Manifest:
    """A copy of the manifest that lacks these fields."""
    copy = deepcopy(manifest)
    for path in paths:
        _remove(copy, parse_path(path))
    return copy


def _remove(node: Any, steps: list[str | dict[str, Any]]) -> None:
    if not steps:
        return
    step = steps[0]
    if isinstance(step, dict):
        for item in node if isinstance(node, list) else ():
            if isinstance(item, dict) and all(item.get(k) == v for k, v in step.items()):
                _remove(item, steps[1:])
        return
    if not isinstance(node, dict):
        return
    for taken in range(len(steps), 0, -1):
        if not all(isinstance(part, str) for part in steps[:taken]):
            continue
        key = ".".join(str(part) for part in steps[:taken])
        if key in node:
            if taken == len(steps):
                del node[key]
            else:
                _remove(node[key], steps[taken:])
            return


class Fights:
    """Counts how often each manager took each field, within the window."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._taken: dict[Ref, dict[tuple[str, str], list[float]]] = {}

    def record(self, ref: Ref, fields: tuple[tuple[str, str], ...]) -> None:
        """Note that these (manager, path) pairs were found taken. Our own second manager never counts."""
        now = self._clock()
        counts = self._taken.setdefault(ref, {})
        for pair in fields:
            if pair[0] != REPLICAS_MANAGER:
                counts[pair] = [t for t in counts.get(pair, []) if now - t < WINDOW] + [now]

    def withdraw(self, ref: Ref, fields: tuple[tuple[str, str], ...]) -> None:
        """Take the latest `record` back: the fields were not won back, so finding them taken again is no new fight."""
        for pair in fields:
            if times := self._taken.get(ref, {}).get(pair):
                times.pop()

    def conceded(self, ref: Ref) -> dict[str, str]:
        """Fields of an object we stopped taking back: path to the manager that has it."""
        now = self._clock()
        fields = {}
        for (manager, path), times in list(self._taken.get(ref, {}).items()):
            recent = [t for t in times if now - t < WINDOW]
            if not recent:
                del self._taken[ref][(manager, path)]
            elif len(recent) >= LIMIT:
                fields[path] = manager
        if ref in self._taken and not self._taken[ref]:
            del self._taken[ref]
        return fields
