"""Payloads: the rules for their values."""

import pytest

from eco2_authz.http2 import frames
from eco2_authz.http2.errors import ConnectionFault, ErrorCode, StreamFault
from eco2_authz.http2.payloads import priority_fault, read_settings, unpad


def setting(name: int, value: int) -> bytes:
    return frames.SETTING.pack(name, value)


@pytest.mark.parametrize(
    ("payload", "body"),
    [(b"\x00", b""), (b"\x00abc", b"abc"), (b"\x02abc\x00\x00", b"abc"), (b"\x02\x00\x00", b"")],
)
def test_padding_is_taken_off(payload: bytes, body: bytes) -> None:
    assert unpad(payload) == body


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x03ab", b"\xff"])
def test_padding_that_does_not_fit(payload: bytes) -> None:
    with pytest.raises(ConnectionFault) as refusal:
        unpad(payload)
    assert refusal.value.code is ErrorCode.PROTOCOL_ERROR


def test_settings_of_which_the_last_counts() -> None:
    payload = setting(frames.INITIAL_WINDOW_SIZE, 1) + setting(0x99, 2) + setting(frames.INITIAL_WINDOW_SIZE, 3)
    assert read_settings(payload) == {frames.INITIAL_WINDOW_SIZE: 3, 0x99: 2}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (frames.ENABLE_PUSH, 0),
        (frames.ENABLE_PUSH, 1),
        (frames.INITIAL_WINDOW_SIZE, 0),
        (frames.INITIAL_WINDOW_SIZE, 2**31 - 1),
        (frames.MAX_FRAME_SIZE, 16_384),
        (frames.MAX_FRAME_SIZE, 2**24 - 1),
        (frames.MAX_CONCURRENT_STREAMS, 0),
        (0xFFFF, 2**32 - 1),
    ],
)
def test_values_that_may_be(name: int, value: int) -> None:
    assert read_settings(setting(name, value)) == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (frames.ENABLE_PUSH, 2, ErrorCode.PROTOCOL_ERROR),
        (frames.INITIAL_WINDOW_SIZE, 2**31, ErrorCode.FLOW_CONTROL_ERROR),
        (frames.MAX_FRAME_SIZE, 16_383, ErrorCode.PROTOCOL_ERROR),
        (frames.MAX_FRAME_SIZE, 2**24, ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_values_that_may_not_be_even_when_a_later_one_may(name: int, value: int, code: ErrorCode) -> None:
    good = {frames.ENABLE_PUSH: 1, frames.INITIAL_WINDOW_SIZE: 9, frames.MAX_FRAME_SIZE: 20_000}[name]
    with pytest.raises(ConnectionFault) as refusal:
        read_settings(setting(name, value) + setting(name, good))
    assert refusal.value.code is code


def test_settings_that_end_within_one() -> None:
    with pytest.raises(ConnectionFault) as refusal:
        read_settings(setting(1, 1) + b"\x00")
    assert refusal.value.code is ErrorCode.FRAME_SIZE_ERROR


def test_a_priority() -> None:
    assert priority_fault(b"\x80\x00\x00\x05\x10", 3) is None


def test_a_stream_that_depends_on_itself() -> None:
    fault = priority_fault(b"\x80\x00\x00\x05\x10more", 5)
    assert isinstance(fault, StreamFault)
    assert fault.code is ErrorCode.PROTOCOL_ERROR


def test_a_priority_that_is_cut_off() -> None:
    with pytest.raises(ConnectionFault) as refusal:
        priority_fault(b"\x00\x00\x00\x05", 3)
    assert refusal.value.code is ErrorCode.FRAME_SIZE_ERROR
