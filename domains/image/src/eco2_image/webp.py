"""The header of a WebP file.

The decoder makes its buffers as it is opened, so the size has to be known before. All numbers are little-endian.
https://developers.google.com/speed/webp/docs/riff_container, https://www.rfc-editor.org/rfc/rfc9649
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ANIMATION: Final = 0x02
"""The flag of the extended format that says that there are several frames."""


@dataclass(frozen=True, slots=True)
class WebpHeader:
    """What the first chunk says; width and height in pixels."""

    width: int
    height: int
    animated: bool


def webp_header(data: bytes) -> WebpHeader | None:
    """Read the first chunk; None when it is none that a decoder takes."""
    if len(data) < 30:
        return None
    kind, payload = data[12:16], data[20:30]
    if kind == b"VP8X":  # flags, three reserved bytes, canvas width - 1 and height - 1 in 24 bits each
        width, height = _number(payload[4:7]) + 1, _number(payload[7:10]) + 1
        return WebpHeader(width, height, animated=bool(payload[0] & _ANIMATION))
    if kind == b"VP8L" and payload[0] == 0x2F:  # signature, width - 1 and height - 1 in 14 bits each
        bits = _number(payload[1:5])
        return WebpHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, animated=False)
    if kind == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":  # frame tag, start code, 14 bits each below the scale
        return WebpHeader(_number(payload[6:8]) & 0x3FFF, _number(payload[8:10]) & 0x3FFF, animated=False)
    return None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
