"""Frames: their types, flags and how ours are written (RFC 9113, sections 4 and 6)."""

from collections.abc import Mapping
from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (section 3.4)."""
HEADER: Final = Struct(">BHBBl")
"""Length (upper 8 and lower 16 bits), type, flags, stream. Signed: a stream with the reserved bit equals no other."""
HEADER_SIZE: Final = HEADER.size
STREAM_MASK: Final = 0x7FFF_FFFF
"""A stream's number; the bit above it is reserved and ignored."""
DEFAULT_WINDOW: Final = 65_535
"""Octets of flow control on each stream and on the connection, until a peer is told otherwise."""
LARGEST_WINDOW: Final = 0x7FFF_FFFF

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
SETTING: Final = Struct(">HL")
WORD: Final = Struct(">L")
_GOAWAY: Final = Struct(">LL")

SETTINGS_ACK: Final = HEADER.pack(0, 0, SETTINGS, ACK, 0)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Any frame."""
    return HEADER.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def settings(values: Mapping[int, int]) -> bytes:
    """SETTINGS with our values."""
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(name, value) for name, value in values.items()))


def window_update(stream: int, octets: int) -> bytes:
    """WINDOW_UPDATE; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream, WORD.pack(octets))


def rst_stream(stream: int, code: int) -> bytes:
    """RST_STREAM."""
    return frame(RST_STREAM, 0, stream, WORD.pack(code))


def goaway(last: int, code: int, message: str = "") -> bytes:
    """GOAWAY: streams above `last` were not and will not be worked on."""
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(last, code) + message.encode())


def pong(payload: bytes) -> bytes:
    """The answer to PING."""
    return frame(PING, ACK, 0, payload)
