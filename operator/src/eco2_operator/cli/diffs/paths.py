"""Field paths such as ``spec.ports[port=80,protocol=TCP].nodePort`` on real objects. Pure.

Keys may hold dots (``metadata.labels.app.kubernetes.io/name``), so a path alone does not say where a key ends: the
object it is walked on does.
"""

from collections.abc import Mapping
from typing import Any

Step = str | int


def resolve(path: str, tree: Any) -> list[Step] | None:
    """The keys and list indices a path stands for on this object; None when it leads nowhere."""
    if not path:
        return []
    if path.startswith("["):
        selector, _, rest = path[1:].partition("]")
        index = _index(selector, tree)
        return _walk(index, rest, tree) if index is not None else None
    if not isinstance(tree, Mapping):
        return None
    fitting = (key for key in tree if path == key or path.startswith((f"{key}.", f"{key}[")))
    for key in sorted(fitting, key=len, reverse=True):
        steps = _walk(key, path[len(key) :], tree)
        if steps is not None:
            return steps
    return None


def _walk(step: Step, rest: str, tree: Any) -> list[Step] | None:
    steps = resolve(rest.removeprefix("."), tree[step])
    return None if steps is None else [step, *steps]


def _index(selector: str, items: Any) -> int | None:
    """Which element the merge keys ``name=x,other=y`` select."""
    pairs = [pair.partition("=")[::2] for pair in selector.split(",")]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping) and all(str(item.get(key)) == value for key, value in pairs):
            return index
    return None


def at(tree: Any, steps: list[Step]) -> Any:
    """The value there."""
    for step in steps:
        tree = tree[step]
    return tree
