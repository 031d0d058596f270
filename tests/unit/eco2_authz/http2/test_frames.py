"""What we write, read by hyperframe."""

from typing import Any

import pytest
from hyperframe.frame import Frame

from eco2_authz.http2 import frames


def read(octets: bytes) -> Any:
    frame, length = Frame.parse_frame_header(memoryview(octets[:9]))
    assert len(octets) == 9 + length
    frame.parse_body(memoryview(octets[9:]))
    return frame


def test_settings() -> None:
    frame = read(frames.settings({frames.MAX_CONCURRENT_STREAMS: 7, frames.INITIAL_WINDOW_SIZE: 1 << 20}))
    assert (frame.stream_id, set(frame.flags), frame.settings) == (0, set(), {3: 7, 4: 1 << 20})


def test_an_acknowledgement() -> None:
    frame = read(frames.SETTINGS_ACK)
    assert (frame.stream_id, set(frame.flags), frame.settings) == (0, {"ACK"}, {})


def test_window_update() -> None:
    frame = read(frames.window_update(5, 70_000))
    assert (frame.stream_id, frame.window_increment) == (5, 70_000)


def test_rst_stream() -> None:
    frame = read(frames.rst_stream(2**31 - 1, 8))
    assert (frame.stream_id, frame.error_code) == (2**31 - 1, 8)


def test_goaway() -> None:
    frame = read(frames.goaway(2**31 - 1, 11, "calm"))
    assert (frame.last_stream_id, frame.error_code, frame.additional_data) == (2**31 - 1, 11, b"calm")


def test_pong() -> None:
    frame = read(frames.pong(b"12345678"))
    assert (frame.opaque_data, set(frame.flags)) == (b"12345678", {"ACK"})


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 70_000])
def test_lengths(size: int) -> None:
    frame = read(frames.frame(frames.DATA, frames.END_STREAM, 1, bytes(size)))
    assert len(frame.data) == size
