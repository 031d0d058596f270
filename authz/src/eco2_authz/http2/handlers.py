"""What each type of frame does (RFC 9113, section 6)."""

from collections.abc import Callable
from typing import Final

from eco2_authz.http2 import frames
from eco2_authz.http2.calls import Calls
from eco2_authz.http2.errors import ConnectionFault, ErrorCode, StreamFault
from eco2_authz.http2.guard import Guard
from eco2_authz.http2.limits import Limits
from eco2_authz.http2.numbers import Past
from eco2_authz.http2.outbound import Outbound
from eco2_authz.http2.payloads import priority_fault, read_settings, unpad

_FIXED: Final = {frames.PRIORITY: 5, frames.RST_STREAM: 4, frames.PING: 8, frames.WINDOW_UPDATE: 4}
"""Lengths of payloads that have but one."""
_USUAL_SETTINGS: Final = 64
"""Octets of a payload that nobody exceeds who does not mean to; each setting costs us time."""
_ON_STREAMS: Final = frozenset(
    {frames.DATA, frames.HEADERS, frames.PRIORITY, frames.RST_STREAM, frames.CONTINUATION, frames.PUSH_PROMISE}
)
_ON_CONNECTION: Final = frozenset({frames.SETTINGS, frames.PING, frames.GOAWAY})


class _Block:
    """A header block whose end has not come."""

    __slots__ = ("began", "ended", "fault", "frames", "number", "octets")

    def __init__(self, number: int, octets: bytes, *, ended: bool, fault: StreamFault | None, began: float) -> None:
        self.number = number
        self.octets = octets
        self.ended = ended
        self.fault = fault
        self.began = began
        self.frames = 0


class Handlers:
    """The frames of one connection, one after another."""

    __slots__ = ("_calls", "_clock", "_guard", "_limits", "_outbound", "block", "introduced")

    def __init__(
        self, calls: Calls, outbound: Outbound, guard: Guard, limits: Limits, clock: Callable[[], float]
    ) -> None:
        self._calls = calls
        self._outbound = outbound
        self._guard = guard
        self._limits = limits
        self._clock = clock
        self.introduced = False
        """The peer's SETTINGS have come."""
        self.block: _Block | None = None
        """While a header block has begun and not ended, no other frame may come."""

    def handle(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Any frame. Raises ConnectionFault; a fault of one stream ends that stream alone."""
        if not self.introduced and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self.block is not None and (kind != frames.CONTINUATION or number != self.block.number):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "another frame within a header block")
        if (kind in _ON_STREAMS and number == 0) or (kind in _ON_CONNECTION and number):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame on a stream where it cannot be")
        try:
            self._check_length(kind, len(payload))
            handle = _HANDLERS.get(kind)
            if handle is None:  # unknown types are ignored (section 4.1)
                self._guard.idle_frame(self._calls.count)
            else:
                handle(self, flags, number, payload)
        except StreamFault as fault:
            if self._calls.numbers.past(number) is Past.IDLE:  # which cannot be reset (section 5.1)
                raise ConnectionFault(fault.code, fault.message) from None
            self._calls.refuse(number, fault.code)

    def _check_length(self, kind: int, length: int) -> None:
        fixed = _FIXED.get(kind)
        if fixed is None or fixed == length:
            return
        if kind == frames.PRIORITY:
            raise StreamFault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY of another length than 5")
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame of another length than its type has")

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._calls.numbers.check(number)
        body = unpad(payload) if flags & frames.PADDED else payload
        self._calls.data(number, len(payload), body, ended=bool(flags & frames.END_STREAM))

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        self._calls.numbers.check(number)
        block = unpad(payload) if flags & frames.PADDED else payload
        fault = None
        if flags & frames.PRIORITIZED:
            fault = priority_fault(block, number)
            block = block[5:]
        ended = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._calls.headers(number, block, ended=ended, fault=fault)
        else:
            self.block = _Block(number, block, ended=ended, fault=fault, began=self._clock())

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self.block
        if block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        block.frames += 1
        block.octets += payload
        if block.frames > self._limits.continuations or len(block.octets) > self._limits.header_block:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block too large, or of too many frames")
        if flags & frames.END_HEADERS:
            self.block = None
            self._calls.headers(number, block.octets, ended=block.ended, fault=block.fault)

    def _priority(self, _: int, number: int, payload: bytes) -> None:
        self._guard.idle_frame(self._calls.count)
        fault = priority_fault(payload, number)
        if fault:
            raise fault

    def _rst_stream(self, _: int, number: int, __: bytes) -> None:
        self._calls.numbers.check(number)
        self._calls.reset(number)

    def _settings(self, flags: int, _: int, payload: bytes) -> None:
        self._guard.idle_frame(self._calls.count, weight=1 + len(payload) // _USUAL_SETTINGS)
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with settings")
            return
        self.introduced = True
        initial = read_settings(payload).get(frames.INITIAL_WINDOW_SIZE)
        self._outbound.parts.append(frames.SETTINGS_ACK)
        if initial is not None:
            self._calls.resize(initial)

    def _push_promise(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE by a client")

    def _ping(self, flags: int, _: int, payload: bytes) -> None:
        self._guard.idle_frame(self._calls.count)
        if not flags & frames.ACK:
            self._outbound.parts.append(frames.pong(payload))

    def _goaway(self, _: int, __: int, payload: bytes) -> None:
        """The peer accepts no streams of ours; we never open any."""
        self._guard.idle_frame(self._calls.count)
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY below 8 octets")

    def _window_update(self, _: int, number: int, payload: bytes) -> None:
        self._guard.idle_frame(self._calls.count)
        octets = frames.WORD.unpack(payload)[0] & frames.LARGEST_WINDOW
        if number == 0:
            if octets == 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a window enlarged by nothing")
            self._calls.widen_all(octets)
        else:
            self._calls.widen(number, octets)


_HANDLERS: Final[dict[int, Callable[[Handlers, int, int, bytes], None]]] = {
    frames.DATA: Handlers._data,
    frames.HEADERS: Handlers._headers,
    frames.PRIORITY: Handlers._priority,
    frames.RST_STREAM: Handlers._rst_stream,
    frames.SETTINGS: Handlers._settings,
    frames.PUSH_PROMISE: Handlers._push_promise,
    frames.PING: Handlers._ping,
    frames.GOAWAY: Handlers._goaway,
    frames.WINDOW_UPDATE: Handlers._window_update,
    frames.CONTINUATION: Handlers._continuation,
}
