"""What a connection sends: answers as far as the peer's flow control lets them, and everything else (RFC 9113, 5.2)."""

from functools import lru_cache
from typing import Final

from eco2_authz.http2 import frames
from eco2_authz.http2.application import Response
from eco2_authz.http2.errors import ConnectionFault, ErrorCode, StreamFault
from eco2_authz.http2.limits import FRAME_SIZE
from eco2_authz.http2.stream import Stream

_END: Final = frames.END_HEADERS | frames.END_STREAM
_NO_TABLE: Final = b"\x20"
"""A dynamic table of size 0, which is what our header blocks use (RFC 7541, section 6.3). Said in the first of them: a
peer that has set SETTINGS_HEADER_TABLE_SIZE lower than its default insists on being told (RFC 9113, section 4.3.1)."""


@lru_cache(maxsize=4096)
def _prefix(kind: int, flags: int, size: int) -> bytes:
    """A frame's header without the stream's number."""
    return frames.HEADER.pack(size >> 16, size & 0xFFFF, kind, flags, 0)[:5]


class Outbound:
    """Frames that wait to be written, and the windows of the peer."""

    __slots__ = ("_initial", "_preamble", "_waiting", "_window", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        """To be written, in order."""
        self._window = frames.DEFAULT_WINDOW
        self._initial = frames.DEFAULT_WINDOW
        self._preamble = _NO_TABLE
        self._waiting: dict[int, Stream] = {}
        """Streams whose answers wait for the connection's window: while there are any, it is 0."""

    @property
    def initial_window(self) -> int:
        """The window a new stream has."""
        return self._initial

    def whole(self, number: bytes, response: Response) -> bool:
        """Write an answer at once if it fits into one frame and the windows; False: nothing was written.

        Args:
            number: of a stream whose window nobody has changed, as four octets.
        """
        headers, body, trailers = response
        size = len(body)
        if trailers is None or size > self._window or size > self._initial or size > FRAME_SIZE or self._preamble:
            return False
        self._window -= size
        self.parts += (
            _prefix(frames.HEADERS, frames.END_HEADERS, len(headers)),
            number,
            headers,
            _prefix(frames.DATA, 0, size),
            number,
            body,
            _prefix(frames.HEADERS, _END, len(trailers)),
            number,
            trailers,
        )
        return True

    def begin(self, number: int, stream: Stream, response: Response) -> bool:
        """Write an answer's headers, and of its body what the windows let through; whether that is all."""
        headers, self._preamble = self._preamble + response.headers, b""
        if not response.body and response.trailers is None:
            self.parts.append(frames.frame(frames.HEADERS, _END, number, headers))
            return True
        self.parts.append(frames.frame(frames.HEADERS, frames.END_HEADERS, number, headers))
        stream.response = response
        return self._go_on(number, stream, response)

    def _go_on(self, number: int, stream: Stream, response: Response) -> bool:
        """Write what the windows let through; whether the answer is complete."""
        body = response.body
        while stream.sent < len(body):
            size = min(len(body) - stream.sent, self._window, stream.window, FRAME_SIZE)
            if size <= 0:
                if self._window <= 0:
                    self._waiting[number] = stream
                return False
            piece = body[stream.sent : stream.sent + size]
            stream.sent += size
            stream.window -= size
            self._window -= size
            last = stream.sent == len(body) and response.trailers is None
            self.parts.append(frames.frame(frames.DATA, frames.END_STREAM if last else 0, number, piece))
        if response.trailers is not None:
            self.parts.append(frames.frame(frames.HEADERS, _END, number, response.trailers))
        return True

    def forget(self, number: int) -> None:
        """The stream is gone, and its answer with it."""
        self._waiting.pop(number, None)

    def widen(self, octets: int) -> list[int]:
        """The peer takes more on the connection; the streams whose answers are complete by that.

        Each step sends something or finds a stream that waits for its own window: a peer cannot make us look at a
        thousand streams for each octet. Raises ConnectionFault (FLOW_CONTROL_ERROR).
        """
        self._window += octets
        if self._window > frames.LARGEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window above 2^31-1")
        complete = []
        while self._waiting and self._window > 0:
            number = next(iter(self._waiting))
            if self._resume(number, self._waiting.pop(number)):
                complete.append(number)
        return complete

    def widen_stream(self, number: int, stream: Stream, octets: int) -> bool:
        """The peer takes more on a stream; whether its answer is complete by that.

        Raises StreamFault (FLOW_CONTROL_ERROR).
        """
        stream.window += octets
        if stream.window > frames.LARGEST_WINDOW:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "stream window above 2^31-1")
        return self._resume(number, stream)

    def resize(self, initial: int, streams: dict[int, Stream]) -> list[int]:
        """The peer's SETTINGS_INITIAL_WINDOW_SIZE (section 6.9.2); the streams whose answers are complete by that.

        Raises ConnectionFault (FLOW_CONTROL_ERROR).
        """
        change, self._initial = initial - self._initial, initial
        for stream in streams.values():
            stream.window += change
            if stream.window > frames.LARGEST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "stream window above 2^31-1")
        return [number for number, stream in streams.items() if self._resume(number, stream)]

    def _resume(self, number: int, stream: Stream) -> bool:
        """Go on with an answer that has begun, if there is one; whether it is complete by that."""
        return stream.response is not None and self._go_on(number, stream, stream.response)
