"""Data on stdout."""

import json
from collections.abc import Sequence
from typing import Any

import click

from eco2_operator.cli import yamls
from eco2_operator.naming import Manifest


def as_text(value: Any, output: str) -> str:
    """One value as ``json`` or ``yaml``."""
    return yamls.dump(value) if output == "yaml" else f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def emit(value: Any, output: str) -> None:
    """Print one value as ``json`` or ``yaml``."""
    click.echo(as_text(value, output), nl=False)


def emit_objects(objects: Sequence[Manifest], output: str) -> None:
    """Print objects so that ``kubectl apply -f -`` takes them: YAML documents, or one JSON List."""
    if output == "yaml":
        click.echo(yamls.dump_all(objects), nl=False)
    else:
        emit({"apiVersion": "v1", "kind": "List", "items": list(objects)}, output)
