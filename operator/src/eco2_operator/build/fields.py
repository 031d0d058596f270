"""Small helpers for writing manifests."""

from collections.abc import Mapping
from typing import Any

from eco2_operator.naming import Manifest


def given(fields: Mapping[str, Any]) -> Manifest:
    """The fields that say something: without None, empty strings, lists and maps.

    The API server stores none of these (Go's ``omitempty``): a manifest with one would differ from the live
    object for ever. ``0`` and ``False`` stay: where the builders write them, the API keeps them.
    """
    return {
        name: value
        for name, value in fields.items()
        if value is not None and not (isinstance(value, str | list | dict) and not value)
    }


def in_order(mapping: Mapping[str, Any] | None) -> Manifest:
    """A copy with sorted keys, so that the output does not depend on how the input was written."""
    return dict(sorted((mapping or {}).items()))
