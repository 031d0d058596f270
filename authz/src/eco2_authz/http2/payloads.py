"""What is in the payloads of frames (RFC 9113, section 6)."""

from typing import Final

from eco2_authz.http2 import frames
from eco2_authz.http2.errors import ConnectionFault, ErrorCode, StreamFault
from eco2_authz.http2.limits import FRAME_SIZE

_LARGEST_FRAME: Final = 16_777_215
_PRIORITY_SIZE: Final = 5


def unpad(payload: bytes) -> bytes:
    """The payload of a PADDED frame without its padding (section 6.1). Raises ConnectionFault."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding as long as the payload")
    return payload[1 : len(payload) - payload[0]]


def read_settings(payload: bytes) -> dict[int, int]:
    """The values in SETTINGS; unknown ones too (section 6.5). Raises ConnectionFault."""
    if len(payload) % frames.SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS that ends within a setting")
    values: dict[int, int] = {}
    for name, value in frames.SETTING.iter_unpack(payload):  # each counts, also one that a later one replaces
        if name == frames.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH above 1")
        if name == frames.INITIAL_WINDOW_SIZE and value > frames.LARGEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1")
        if name == frames.MAX_FRAME_SIZE and not FRAME_SIZE <= value <= _LARGEST_FRAME:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE out of its range")
        values[name] = value
    return values


def priority_fault(payload: bytes, number: int) -> StreamFault | None:
    """What is wrong with the priority at the beginning of a payload (RFC 7540, section 5.3.1; its format still stands).

    Raises ConnectionFault when there is none.
    """
    if len(payload) < _PRIORITY_SIZE:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    if frames.WORD.unpack_from(payload)[0] & frames.STREAM_MASK == number:
        return StreamFault(ErrorCode.PROTOCOL_ERROR, "a stream that depends on itself")
    return None
