"""The values of a Secret, from its keys and the parameters that were read. Pure.

A key whose parameter cannot be used keeps the last value the Secret has for it: what runs goes on running.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from eco2_operator.errors import ParameterUnusable, PropertyMissing, SecretError, SecretTooLarge
from eco2_operator.json_property import NotJson, value_at
from eco2_operator.model.secret import SecretKey
from eco2_operator.parameters.store import Parameter

MAX_BYTES: Final = 1024 * 1024
"""Of all values of a Secret together (MaxSecretSize of the core API)."""


@dataclass(frozen=True, slots=True)
class Values:
    """What goes into a Secret, and what could not."""

    data: Mapping[str, bytes] = field(repr=False)
    """By key: read now, or kept."""
    errors: Mapping[str, SecretError]
    """By key: why it has no present value."""
    versions: Mapping[str, int]
    """By key: the version of the parameter, of keys without an error."""


def resolve(
    keys: Sequence[SecretKey], read: Mapping[str, Parameter | SecretError], *, last: Mapping[str, bytes]
) -> Values:
    """The values of every key.

    Args:
        read: by the name of the parameter, one for each that the keys name.
        last: the data of the live Secret; what it holds beside the keys is dropped.
    """
    data: dict[str, bytes] = {}
    errors: dict[str, SecretError] = {}
    for key in keys:
        value = value_of(key, read[key.parameter])
        if isinstance(value, bytes):
            data[key.name] = value
        else:
            errors[key.name] = value
            if key.name in last:
                data[key.name] = last[key.name]
    if (size := sum(map(len, data.values()))) > MAX_BYTES:
        too_large = _too_large(size, data)
        kept = {key.name: last[key.name] for key in keys if key.name in last}
        return Values(kept, {key.name: errors.get(key.name, too_large) for key in keys}, {})
    read_now = ((key.name, read[key.parameter]) for key in keys if key.name not in errors)
    return Values(data, errors, {name: found.version for name, found in read_now if isinstance(found, Parameter)})


def value_of(key: SecretKey, parameter: Parameter | SecretError) -> bytes | SecretError:
    """The value of one key, or why there is none."""
    if isinstance(parameter, SecretError):
        return parameter
    text: str | None = parameter.value
    if key.property is not None:
        try:
            text = value_at(parameter.value, key.property)
        except NotJson:
            return ParameterUnusable(
                f"parameter {key.parameter} is not JSON, so it has no property {key.property}: store a JSON object"
                " there, or remove the property from spec.keys"
            )
    if text is None:
        return PropertyMissing(
            f"parameter {key.parameter} has no property {key.property}, or null there: add it, or correct spec.keys"
        )
    value = _encode(text)
    if value is None:
        return ParameterUnusable(f"parameter {key.parameter} is not valid Unicode: store it anew")
    return value


def decode(data: Mapping[str, str] | None) -> dict[str, bytes]:
    """The data of a live Secret."""
    return {name: b64decode(value) for name, value in (data or {}).items()}


def _encode(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell; the error holds the text
        return None


def _too_large(size: int, data: Mapping[str, bytes]) -> SecretTooLarge:
    largest = ", ".join(sorted(data, key=lambda name: -len(data[name]))[:3])
    return SecretTooLarge(
        f"all values together are {size} bytes, and a Secret holds {MAX_BYTES}: nothing is changed; split the binding"
        f" or shorten its largest keys: {largest}"
    )
