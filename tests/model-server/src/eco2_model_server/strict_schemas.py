"""Which JSON schemas are taken for structured output (https://platform.openai.com/docs/guides/structured-outputs)."""

from collections.abc import Mapping
from typing import Any, Final

from eco2_model_server.refusals import Refused

PARAM: Final = "text.format.schema"
DEEPEST: Final = 10
MOST_ENUM_VALUES: Final = 1000
_KEYWORDS: Final = frozenset(
    {
        "$defs", "$ref", "additionalProperties", "anyOf", "const", "definitions", "description", "enum",
        "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maximum", "minItems", "minimum",
        "multipleOf", "pattern", "properties", "required", "title", "type",
    }
)  # fmt: skip
_BESIDE_REF: Final = frozenset({"$ref", "$defs", "definitions"})


def check(name: str, schema: Mapping[str, Any]) -> None:
    """Raise Refused for one that is not strict."""
    if schema.get("type") != "object":
        got = schema.get("type", "None")
        _refuse(name, (), f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'.", whole=True)
    values = _check(name, schema, (), 0)
    if values > MOST_ENUM_VALUES:
        _refuse(name, (), f"Expected at most {MOST_ENUM_VALUES} enum values in total within a schema.", whole=True)


def resolve(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a ``$ref`` leads to; other schemas are themselves."""
    while isinstance(reference := schema.get("$ref"), str):
        schema = root
        for part in reference.removeprefix("#").strip("/").split("/"):
            schema = schema[part] if part else schema
    return schema


def _check(name: str, schema: Any, path: tuple[str, ...], depth: int) -> int:
    if not isinstance(schema, Mapping):
        _refuse(name, path, "schema must be an object.")
    if depth > DEEPEST:
        _refuse(name, path, f"schema exceeds the maximum nesting of {DEEPEST} levels.")
    for keyword in schema:
        if keyword not in _KEYWORDS:
            _refuse(name, path, f"'{keyword}' is not permitted.")
    if "$ref" in schema and (beside := sorted(set(schema) - _BESIDE_REF)):
        _refuse(name, path, f"$ref cannot have keywords {set(beside)}.")
    if not path and "anyOf" in schema:
        _refuse(name, path, "schema must not have 'anyOf' at the top level.", whole=True)
    if schema.get("type") == "object":
        _check_object(name, schema, path)
    if schema.get("type") == "array" and "items" not in schema:
        _refuse(name, path, "array schema missing items.")
    if not any(keyword in schema for keyword in ("type", "anyOf", "$ref", "enum", "const")):
        _refuse(name, path, "schema must have a 'type' key.")
    values = len(schema.get("enum", ()))
    return values + sum(_check(name, part, (*path, *at), depth + step) for at, part, step in _parts(schema))


def _parts(schema: Mapping[str, Any]) -> list[tuple[tuple[str, ...], Any, int]]:
    """The schemas within: where, what, and how many levels further down."""
    found = [(("properties", key), part, 1) for key, part in schema.get("properties", {}).items()]
    found += [(("anyOf", str(number)), part, 0) for number, part in enumerate(schema.get("anyOf", ()))]
    if "items" in schema:
        found.append((("items",), schema["items"], 1))  # type: ignore[arg-type]
    for keyword in ("$defs", "definitions"):
        found += [((keyword, key), part, 0) for key, part in schema.get(keyword, {}).items()]
    return found  # type: ignore[return-value]


def _check_object(name: str, schema: Mapping[str, Any], path: tuple[str, ...]) -> None:
    if schema.get("additionalProperties") is not False:
        _refuse(name, path, "'additionalProperties' is required to be supplied and to be false.")
    properties, required = schema.get("properties", {}), schema.get("required")
    missing = [key for key in properties if key not in (required or ())]
    if not isinstance(required, list) or missing:
        hint = f" Missing '{missing[0]}'." if missing else ""
        _refuse(
            name,
            path,
            "'required' is required to be supplied and to be an array including every key in properties." + hint,
        )


def _refuse(name: str, path: tuple[str, ...], what: str, *, whole: bool = False) -> None:
    place = "" if whole else f"In context={path!r}, "
    raise Refused(f"Invalid schema for response_format '{name}': {place}{what}", PARAM, "invalid_json_schema")
