"""The HPACK decoder of one connection (RFC 7541)."""

from collections import deque
from functools import lru_cache
from typing import Final

from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.hpack import huffman
from eco2_authz.http2.hpack.static_table import STATIC_TABLE, Header

ENTRY_OVERHEAD: Final = 32
"""Octets an entry counts beside its name and value (RFC 7541, section 4.1)."""
_STATIC: Final = len(STATIC_TABLE)
_LONGEST_INTEGER: Final = 28
"""Bits of an integer beyond its prefix; more could only be an attack."""
_MOST_RESIZES: Final = 2
"""Size updates of one block: an encoder has the smallest and the last size to tell (section 4.2)."""
_MEMO_LENGTH: Final = 64
_remembered: Final = lru_cache(maxsize=4096)(huffman.decode)
"""Short Huffman strings, of all connections: most come again."""


class HeaderListTooLarge(ConnectionFault):
    """The decoded headers would take more room than allowed; a small block can name a large entry many times."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.ENHANCE_YOUR_CALM, "header list too large")


class Decoder:
    """Decodes header blocks, in the order in which they came.

    Args:
        table_size: octets the dynamic table may have: our SETTINGS_HEADER_TABLE_SIZE.
        list_size: octets a decoded header list may have, each header with `ENTRY_OVERHEAD`.
    """

    __slots__ = ("_allowed", "_capacity", "_entries", "_list_size", "_size", "version")

    def __init__(self, *, table_size: int, list_size: int) -> None:
        self._allowed = table_size
        self._capacity = table_size
        self._list_size = list_size
        self._entries: deque[Header] = deque()  # the newest first
        self._size = 0
        self.version = 0
        """Changes with the dynamic table: while it is the same, the same block means the same headers."""

    def decode(self, block: bytes) -> list[Header]:
        """The headers, names and values as bytes.

        Raises ConnectionFault (COMPRESSION_ERROR; ENHANCE_YOUR_CALM when the list is too large): after either the
        connection cannot go on, because the tables of the two sides may differ.
        """
        try:
            return self._decode(block)
        except IndexError:
            raise _broken("header block ends within a field") from None

    def _decode(self, block: bytes) -> list[Header]:
        headers: list[Header] = []
        position, end, size, resizes = 0, len(block), 0, 0
        while position < end:
            byte = block[position]
            if byte & 0x80:  # indexed field, section 6.1
                index, position = _integer(block, position, 0x7F)
                header = self._entry(index)
            elif byte & 0x40:  # literal with incremental indexing, section 6.2.1
                header, position = self._literal(block, position, 0x3F)
                self._insert(header)
            elif byte & 0x20:  # size update, section 6.3
                resizes += 1
                if headers:
                    raise _broken("table size update after the first field")
                if resizes > _MOST_RESIZES:
                    raise _broken("a third table size update")
                capacity, position = _integer(block, position, 0x1F)
                self._resize(capacity)
                continue
            else:  # literal without indexing, or never indexed, sections 6.2.2 and 6.2.3
                header, position = self._literal(block, position, 0x0F)
            size += len(header[0]) + len(header[1]) + ENTRY_OVERHEAD
            if size > self._list_size:
                raise HeaderListTooLarge
            headers.append(header)
        return headers

    def _entry(self, index: int) -> Header:
        if 0 < index <= _STATIC:
            return STATIC_TABLE[index - 1]
        if index == 0 or index - _STATIC > len(self._entries):
            raise _broken("no such table entry")
        return self._entries[index - _STATIC - 1]

    def _literal(self, block: bytes, position: int, mask: int) -> tuple[Header, int]:
        index, position = _integer(block, position, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, position = self._string(block, position)
        value, position = self._string(block, position)
        return (name, value), position

    def _string(self, block: bytes, position: int) -> tuple[bytes, int]:
        """A string literal (section 5.2)."""
        coded = block[position] & 0x80
        length, position = _integer(block, position, 0x7F)
        end = position + length
        if end > len(block):
            raise _broken("header block ends within a string")
        data = block[position:end]
        if not coded:
            return data, end
        try:
            return (_remembered(data) if length <= _MEMO_LENGTH else huffman.decode(data)), end
        except huffman.HuffmanError as error:
            raise _broken(str(error)) from None

    def _insert(self, header: Header) -> None:
        self.version += 1
        size = len(header[0]) + len(header[1]) + ENTRY_OVERHEAD
        self._evict(self._capacity - size)
        if size <= self._capacity:
            self._entries.appendleft(header)
            self._size += size

    def _resize(self, capacity: int) -> None:
        if capacity > self._allowed:
            raise _broken("table size update above SETTINGS_HEADER_TABLE_SIZE")
        self.version += 1
        self._capacity = capacity
        self._evict(capacity)

    def _evict(self, room: int) -> None:
        """Drop the oldest entries until at most `room` octets are taken, or none is left."""
        while self._entries and self._size > room:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """An integer with a prefix (section 5.1), and where it ends."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    for shift in range(0, _LONGEST_INTEGER, 7):
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _broken("integer too large")


def _broken(message: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, message)
