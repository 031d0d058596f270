"""JSON read without mercy (RFC 8259, RFC 7493): what parsers could understand in two ways is refused."""

import json
from typing import Any

import orjson


def read_object(text: bytes) -> dict[str, Any]:
    """One JSON object, in which no object at any depth has the same name twice.

    orjson refuses what is no JSON: NaN, Infinity and numbers beyond a double, lone surrogates, invalid UTF-8, a byte
    order mark, control characters, and more than 1024 levels. Whole numbers beyond 64 bits become floats, so a number
    of a million digits costs nothing.

    Raises:
        ValueError: with a sentence that holds nothing of the text.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("is no JSON") from None
    if type(value) is not dict:
        raise ValueError("is no JSON object")
    _refuse_repeated_names(text, value)
    return value


def _refuse_repeated_names(text: bytes, value: dict[str, Any]) -> None:
    """Raise ValueError where a name was lost, since of two equal ones orjson keeps the last.

    What orjson writes has each name once. So text that is, byte for byte, what orjson writes for the value it read
    has no name twice: that costs a fifth of a microsecond and holds for what most issuers write. Any other spelling
    (spaces, escapes, exponents) is read once more, pair by pair.
    """
    try:
        if orjson.dumps(value) == text:
            return
    except TypeError:
        raise ValueError("is nested too deeply") from None
    # The bounds of above hold for this reader too: it sees valid JSON of at most 254 levels. The digits are not read.
    json.loads(text, object_pairs_hook=_unique, parse_int=len, parse_float=len)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("has the same name twice")
