"""Golden cases: a resource and the objects expected for it, one YAML file per behaviour.

``expect`` is the last key of a file; ``GOLDEN_UPDATE=1`` (``make golden``) rewrites it.
"""

import copy
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml

from eco2_operator.errors import InvalidSpec
from eco2_operator.model.base import Model

UPDATE = os.environ.get("GOLDEN_UPDATE") == "1"
Case = dict[str, Any]


def load(path: Path) -> Case:
    """A case."""
    case: Case = yaml.safe_load(path.read_text())
    return case


def judged(path: Path, made: Callable[[Case], Any]) -> tuple[Any, Any]:
    """What is made of a case, and what is expected; in an update these are the same."""
    case = load(path)
    found = made(case)
    if UPDATE:
        rewrite(path, found)
        case = load(path)
    return found, case["expect"]


def rewrite(path: Path, expected: Any) -> None:
    """Write down what is expected. Everything above it stays as it is."""
    head = path.read_text().partition("\nexpect:")[0].rstrip("\n")
    text = yaml.dump({"expect": expected}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=200)
    path.write_text(f"{head}\n{text}")


class _Dumper(yaml.SafeDumper):
    """Scripts as they are written, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def fields(model: type[Model], prefix: str = "") -> Iterator[str]:
    """Every field of a spec, such as ``routes[].path``."""
    for field in model.model_fields.values():
        path = f"{prefix}{field.alias}"
        yield path
        for below, in_list in _models(field.annotation):
            yield from fields(below, f"{path}{'[]' if in_list else ''}.")


def _models(annotation: Any, *, in_list: bool = False) -> Iterator[tuple[type[Model], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation, in_list
    for argument in get_args(annotation):
        yield from _models(argument, in_list=in_list or getattr(annotation, "__origin__", None) is list)


def fields_that_matter(case: Case, made: Callable[[Case], Any]) -> Iterator[str]:
    """Fields of the case's input without which something else would be made, or nothing could be."""
    expected = made(case)
    for steps in _paths(case["input"]["spec"]):
        without = copy.deepcopy(case)
        place = without["input"]["spec"]
        for step in steps[:-1]:
            place = place[step]
        del place[steps[-1]]
        try:
            matters = made(without) != expected
        except InvalidSpec:
            matters = True
        if matters:
            yield "".join("[]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*above, key)
            yield from _paths(below, (*above, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _paths(below, (*above, index))
