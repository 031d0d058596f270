"""JSON schemas as OpenAI keeps them strictly: all properties required, in this order, and no others.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TEXT: Mapping[str, Any] = {"type": "string"}
NUMBER: Mapping[str, Any] = {"type": "number"}
YES_OR_NO: Mapping[str, Any] = {"type": "boolean"}


def record(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object with these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def one_of(values: Iterable[str]) -> dict[str, Any]:
    """One of these."""
    return {"type": "string", "enum": list(values)}


def one_of_or_none(values: Iterable[str]) -> dict[str, Any]:
    """One of these, or null."""
    return {"type": ["string", "null"], "enum": [*values, None]}


def some_of(values: Iterable[str]) -> dict[str, Any]:
    """A list of some of these."""
    return {"type": "array", "items": one_of(values)}
