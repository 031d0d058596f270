"""The server's side of one HTTP/2 connection (RFC 9113): octets go in, octets and answers come out. No IO.

Nearly every call is two frames that arrive together: HEADERS with a block that was there before, and DATA with the
whole body. `_at_once` answers those without keeping a stream; what it does not know goes through `Handlers`.
"""

from collections.abc import Callable

from eco2_authz.http2 import frames
from eco2_authz.http2.application import Application, Call
from eco2_authz.http2.calls import Calls, Later
from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.guard import Guard
from eco2_authz.http2.handlers import Handlers
from eco2_authz.http2.limits import FRAME_SIZE, Limits
from eco2_authz.http2.memory import Buffered
from eco2_authz.http2.outbound import Outbound


class Connection:
    """One connection: cuts what arrives into frames, and keeps time.

    Args:
        application: who answers calls.
        later: how to wait for an answer that takes time; having one must lead to another look at `take`.
        clock: monotonic seconds.
        buffered: shared by all connections of the process.
    """

    __slots__ = (
        "_began",
        "_calls",
        "_clock",
        "_greeted",
        "_handlers",
        "_limits",
        "_outbound",
        "_rest",
        "_rest_since",
        "fault",
    )

    def __init__(
        self,
        application: Application,
        limits: Limits,
        *,
        later: Later,
        clock: Callable[[], float],
        buffered: Buffered,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._outbound = Outbound()
        guard = Guard(limits, clock)
        self._calls = Calls(application, limits, self._outbound, guard, buffered=buffered, later=later, clock=clock)
        self._handlers = Handlers(self._calls, self._outbound, guard, limits, clock)
        self._rest = b""
        self._rest_since = 0.0
        self._greeted = False
        self.fault: ConnectionFault | None = None
        """What ended the connection."""
        self._outbound.parts.append(
            frames.settings(
                {
                    frames.MAX_CONCURRENT_STREAMS: limits.streams,
                    frames.INITIAL_WINDOW_SIZE: limits.body,
                    frames.MAX_HEADER_LIST_SIZE: limits.header_list,
                }
            )
            + frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW)
        )

    # -- for whoever does the IO -------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Octets from the peer. Answers are to be had from `take`; never raises for what a peer sends."""
        if self.fault is not None:
            return
        if self._rest:
            data = self._rest + data
        try:
            position = self._read(data)
        except ConnectionFault as fault:
            self.end(fault)
            return
        if position == len(data):
            self._rest = b""
        else:
            if not self._rest or position:
                self._rest_since = self._clock()
            self._rest = data[position:]

    def take(self) -> bytes:
        """What is to be written now."""
        parts = self._outbound.parts
        data = b"".join(parts)
        parts.clear()
        return data

    @property
    def unanswered(self) -> int:
        """Calls that are open."""
        return len(self._calls.streams)

    def end(self, fault: ConnectionFault) -> None:
        """Say why, and forget everything; to be closed when that is written."""
        self.fault = fault
        self._rest = b""
        self._calls.drop_all()
        self._outbound.parts.append(frames.goaway(max(self._calls.numbers.last, 0), fault.code, fault.message))

    def drain(self) -> None:
        """Ask the peer to begin no more calls here; those it begins meanwhile are answered (section 6.8)."""
        if self.fault is None:
            self._outbound.parts.append(frames.goaway(frames.STREAM_MASK, ErrorCode.NO_ERROR))

    def close(self) -> None:
        """Take no more calls; to be closed when `unanswered` is 0."""
        if self.fault is None and self._calls.final is None:
            self._calls.final = max(self._calls.numbers.last, 0)
            self._outbound.parts.append(frames.goaway(self._calls.final, ErrorCode.NO_ERROR))

    def gone(self) -> None:
        """The peer is gone: nobody waits for the answers."""
        self._calls.drop_all()

    def tick(self) -> None:
        """Look for what takes too long; to be called about every second."""
        now = self._clock()
        if self.fault is not None:
            return
        try:
            if not self._handlers.introduced and now - self._began > self._limits.handshake:
                raise ConnectionFault(ErrorCode.SETTINGS_TIMEOUT, "no preface and SETTINGS in time")
            if self._rest and now - self._rest_since > self._limits.request:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a frame took too long")
            block = self._handlers.block
            if block is not None and now - block.began > self._limits.request:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block took too long")
            for number in self._calls.overdue(now):
                self._calls.refuse(number, ErrorCode.CANCEL)
        except ConnectionFault as fault:
            self.end(fault)

    # -- frames ------------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> int:
        """Work on every whole frame; how many octets that were."""
        if not self._greeted:
            if not frames.PREFACE.startswith(data[: len(frames.PREFACE)]):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not the preface of HTTP/2")
            if len(data) < len(frames.PREFACE):
                return 0
            self._greeted = True
            return self._frames(data, len(frames.PREFACE))
        return self._frames(data, 0)

    def _frames(self, data: bytes, position: int) -> int:
        unpack, calls, handlers = frames.HEADER.unpack_from, self._calls, self._handlers
        known = calls.known
        last, end = len(data) - frames.HEADER_SIZE, len(data)
        while position <= last:
            high, length, kind, flags, number = unpack(data, position)
            length |= high << 16
            if length > FRAME_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame above SETTINGS_MAX_FRAME_SIZE")
            begin = position + 9
            stop = begin + length
            if stop > end:
                break
            if kind == frames.HEADERS and flags == frames.END_HEADERS and stop <= last:
                call = known.get(data[begin:stop])
                if call is not None and number == calls.numbers.last + 2 and handlers.block is None:
                    done = self._at_once(data, position, number, call, stop)
                    if done:
                        position = done
                        continue
            handlers.handle(kind, flags, number & frames.STREAM_MASK, data[begin:stop])
            position = stop
        return position

    def _at_once(self, data: bytes, position: int, number: int, call: Call, begin: int) -> int:
        """Answer a call whose only DATA frame follows its HEADERS; where that frame ends, 0 when this is no such call.

        Args:
            position: where HEADERS begins.
            begin: where HEADERS ends.
        """
        high, length, kind, flags, same = frames.HEADER.unpack_from(data, begin)
        start = begin + frames.HEADER_SIZE
        stop: int = start + length
        calls = self._calls
        if (
            kind != frames.DATA
            or flags != frames.END_STREAM
            or same != number
            or high
            or length > FRAME_SIZE
            or length > calls.window
            or stop > len(data)
            or call.content_length is not None
            or calls.final is not None
            or calls.full
        ):
            return 0
        calls.at_once(number, data[position + 5 : position + 9], call, data[start:stop])
        return stop
