r"""One property of a parameter whose value is JSON. Pure.

`property: db.password` is the field ``db.password``, if the document has one of just that name, else the field
``password`` of ``db``. A number steps into a list (``hosts.0``). A backslash takes the next character literally, which
reaches names with dots further down: ``databases.eu\.west.password``. So does External Secrets, which evaluates the
path as GJSON (https://github.com/tidwall/gjson/blob/master/SYNTAX.md); the rest of GJSON's syntax means nothing here.
"""

import json
import re
from typing import Any, Final, NoReturn

import orjson

_SPECIAL: Final = re.compile(r"([!-,./;-@\[-^`{-~])")
"""What GJSON may take for syntax: printable ASCII but letters, digits, ``_``, ``-`` and ``:``."""


class NotJson(Exception):
    """The parameter's value is no JSON that could be read. Holds nothing of it."""


class _Number(str):
    """A number as it was written: ``1.10`` stays ``1.10``, and no digit of a long one is lost."""

    __slots__ = ()


def steps(path: str) -> tuple[str, ...]:
    """The names a path goes through."""
    names = [""]
    characters = iter(path)
    for character in characters:
        if character == ".":
            names.append("")
        else:
            names[-1] += next(characters, character) if character == "\\" else character
    return tuple(names)


def join(names: tuple[str, ...]) -> str:
    """The path that goes through these names, in the form that means the same to GJSON."""
    return ".".join(_SPECIAL.sub(r"\\\1", name) for name in names)


def value_at(document: str, path: str) -> str | None:
    """The property as text: a string as it is, anything else as JSON. None when it is missing or null.

    Raises:
        NotJson: when the document is no JSON, or nested too deeply.
    """
    root = _parse(document)
    whole = isinstance(root, dict) and "\\" not in path and path in root
    node = root[path] if whole else _descend(root, steps(path))
    if node is None or isinstance(node, str):
        return None if node is None else str(node)
    return _dump(node)


def _descend(node: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and name.isascii() and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node


def _parse(document: str) -> Any:
    try:
        return json.loads(document, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        pass
    raise NotJson  # outside of the handler: the parser's error holds the document


def _dump(node: Any) -> str:
    try:
        return orjson.dumps(node, default=_fragment, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except orjson.JSONEncodeError:
        pass
    raise NotJson


def _fragment(number: _Number) -> orjson.Fragment:
    return orjson.Fragment(number.encode())  # it takes no subclass of str


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON (RFC 8259, section 6)."""
    raise ValueError(constant)
