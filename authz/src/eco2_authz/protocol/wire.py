"""Writing protobuf: the answers are so few and small that a message class would only cost time."""

from functools import lru_cache
from typing import Final

_VARINT: Final = 0
_LENGTH_DELIMITED: Final = 2


@lru_cache(maxsize=1024)
def varint(value: int) -> bytes:
    """An unsigned integer in groups of seven bits. Tags and lengths, the same few again and again, are remembered."""
    octets = bytearray()
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def number(field: int, value: int) -> bytes:
    """An integer or enumeration."""
    return varint(field << 3 | _VARINT) + varint(value)


def text(field: int, value: str) -> bytes:
    """A string."""
    return message(field, value.encode())


def message(field: int, value: bytes) -> bytes:
    """A message, or bytes."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(len(value)) + value
