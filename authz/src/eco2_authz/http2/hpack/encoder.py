"""Header blocks without state (RFC 7541): ours are the same for every connection, so each is encoded once."""

from collections.abc import Iterable
from typing import Final

from eco2_authz.http2.hpack.static_table import STATIC_TABLE, Header

_INDEX: Final = {header: index for index, header in reversed(list(enumerate(STATIC_TABLE, 1)))}
_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC_TABLE, 1)))}


def encode(headers: Iterable[Header]) -> bytes:
    """A block that leaves the peer's dynamic table alone: indexed fields, and literals without indexing."""
    return b"".join(_field(name, value) for name, value in headers)


def _field(name: bytes, value: bytes) -> bytes:
    if index := _INDEX.get((name, value)):
        return _integer(index, 0x80, 0x7F)
    if index := _NAMES.get(name):
        return _integer(index, 0x00, 0x0F) + _string(value)
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    return _integer(len(text), 0x00, 0x7F) + text


def _integer(value: int, flags: int, mask: int) -> bytes:
    if value < mask:
        return bytes([flags | value])
    octets = bytearray([flags | mask])
    value -= mask
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
