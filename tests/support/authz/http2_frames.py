"""The client's side of HTTP/2, on hyperframe and hpack: it owes nothing to the code under test."""

from collections.abc import Sequence
from typing import Any, Final

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

__all__ = [
    "PREFACE",
    "ContinuationFrame",
    "DataFrame",
    "Frame",
    "FrameReader",
    "GoAwayFrame",
    "HeadersFrame",
    "PingFrame",
    "PriorityFrame",
    "RstStreamFrame",
    "SettingsFrame",
    "WindowUpdateFrame",
    "call_frames",
    "grpc_message",
    "request_headers",
    "written",
]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"

Headers = Sequence[tuple[str, str]]


def written(*parts: Frame | bytes) -> bytes:
    """Frames as they are sent."""
    return b"".join(part if isinstance(part, bytes) else part.serialize() for part in parts)


def request_headers(path: str = CHECK, *more: tuple[str, str]) -> list[tuple[str, str]]:
    """The head of a call, as gRPC wants it."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "authz"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    ]


def grpc_message(message: bytes) -> bytes:
    """A message as it is in a body."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def call_frames(encoder: Encoder, number: int, message: bytes, headers: Headers | None = None) -> list[Frame]:
    """A whole call in its usual two frames."""
    block = encoder.encode(headers if headers is not None else request_headers())
    return [
        HeadersFrame(number, block, flags=["END_HEADERS"]),
        DataFrame(number, grpc_message(message), flags=["END_STREAM"]),
    ]


class FrameReader:
    """What a server says, cut into frames, with header blocks decoded in `headers` of their frame."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self._rest = b""

    def read(self, octets: bytes) -> list[Any]:
        """The frames that are complete by these octets. HEADERS have an attribute ``headers``."""
        self._rest += octets
        found = []
        while len(self._rest) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._rest[:9]))
            if len(self._rest) < 9 + length:
                break
            frame.parse_body(memoryview(self._rest[9 : 9 + length]))
            self._rest = self._rest[9 + length :]
            if isinstance(frame, HeadersFrame):
                frame.headers = dict(self.decoder.decode(frame.data))  # type: ignore[attr-defined]
            found.append(frame)
        return found
