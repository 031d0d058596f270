"""The head of a request: which header lists are one (RFC 9113, section 8), and what they ask."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from eco2_authz.http2.errors import ErrorCode, StreamFault
from eco2_authz.http2.hpack.static_table import Header

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
"""A token without capital letters (RFC 9110, section 5.6.2)."""
_VALUE: Final = re.compile(rb"(?:[^\x00\r\n\t ](?:[^\x00\r\n]*[^\x00\r\n\t ])?)?")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_OF_THE_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Fields of HTTP/1 that have no meaning here (section 8.2.2)."""


class Head(NamedTuple):
    """What a request asks, and its fields."""

    method: bytes
    path: bytes
    fields: dict[bytes, bytes]
    """Values of one name are joined by ", " (RFC 9110, section 5.2)."""
    content_length: int | None


def parse(headers: Iterable[Header]) -> Head:
    """The head of a request. Raises StreamFault for a malformed one (section 8.1.1)."""
    pseudo: dict[bytes, bytes] = {}
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        if name[:1] == b":":
            _check_pseudo(name, value, pseudo, fields)
            pseudo[name] = value
        else:
            _check_field(name, value)
            fields[name] = fields[name] + b", " + value if name in fields else value
    method, path = pseudo.get(b":method"), pseudo.get(b":path", b"")
    if not method or not pseudo.get(b":scheme"):
        raise _malformed("a request without :method or :scheme")
    if not path.startswith(b"/") and not (path == b"*" and method == b"OPTIONS"):
        raise _malformed("a :path that does not begin with a slash")
    return Head(method, path, fields, _content_length(fields))


def check_trailers(headers: Iterable[Header]) -> None:
    """Raises StreamFault for trailers that are none (section 8.1)."""
    for name, value in headers:
        if name[:1] == b":":
            raise _malformed("a pseudo-header field in trailers")
        _check_field(name, value)


def _check_pseudo(name: bytes, value: bytes, seen: dict[bytes, bytes], fields: dict[bytes, bytes]) -> None:
    if fields:
        raise _malformed("a pseudo-header field after a regular one")
    if name not in _PSEUDO:
        raise _malformed("an unknown pseudo-header field")
    if name in seen:
        raise _malformed("a pseudo-header field twice")
    if not _VALUE.fullmatch(value):
        raise _malformed("a forbidden character in a field's value")


def _check_field(name: bytes, value: bytes) -> None:
    if not _NAME.fullmatch(name):
        raise _malformed("a forbidden character in a field's name")
    if not _VALUE.fullmatch(value):
        raise _malformed("a forbidden character in a field's value")
    if name in _OF_THE_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
        raise _malformed("a field that belongs to a connection of HTTP/1")


def _content_length(fields: dict[bytes, bytes]) -> int | None:
    value = fields.get(b"content-length")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 18:  # bytes.isdigit knows ASCII digits alone
        raise _malformed("a content-length that is no number")
    return int(value)


def _malformed(message: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, message)
