"""The calls of one connection: from HEADERS and DATA to an answer (RFC 9113, sections 5.1, 6.1, 6.2 and 8)."""

from collections.abc import Awaitable, Callable
from typing import Final

from eco2_authz.http2 import frames, request
from eco2_authz.http2.application import Application, Call, Response
from eco2_authz.http2.errors import ConnectionFault, ErrorCode, StreamFault
from eco2_authz.http2.guard import Guard
from eco2_authz.http2.hpack.decoder import Decoder
from eco2_authz.http2.hpack.static_table import Header
from eco2_authz.http2.limits import HEADER_TABLE, Limits
from eco2_authz.http2.memory import CALL, Buffered
from eco2_authz.http2.numbers import Numbers, Past
from eco2_authz.http2.outbound import Outbound
from eco2_authz.http2.stream import Stream

Later = Callable[[Awaitable[Response], Callable[[Response], None]], Callable[[], object]]
"""Waits for an answer and hands it over; what it returns gives that up."""

_KNOWN_BLOCKS: Final = 16
_KNOWN_LENGTH: Final = 512
_NEXT_TO_NOTHING: Final = 64
"""Octets of a DATA frame below which it asks nothing: a call needs one or two such (gRPC's prefix, its end)."""


class Calls:
    """Streams that are open, and how new ones are answered.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        outbound: Outbound,
        guard: Guard,
        *,
        buffered: Buffered,
        later: Later,
        clock: Callable[[], float],
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self.numbers = Numbers()
        self.known: dict[bytes, Call] = {}
        """Calls by header block, while the block means the same."""
        self.final: int | None = None
        """After a GOAWAY: the last stream that is worked on."""
        self.window = limits.connection_window
        """Octets the peer may still send on the connection."""
        self._held = 0
        self._scarce = limits.connection_window >> 1
        """Below this the window is replenished."""
        self._application = application
        self._limits = limits
        self._outbound = outbound
        self._guard = guard
        self._buffered = buffered
        self._later = later
        self._clock = clock
        self._decoder = Decoder(table_size=HEADER_TABLE, list_size=limits.header_list)

    # -- what comes in -----------------------------------------------------------------------------------------------

    def headers(self, number: int, block: bytes, *, ended: bool, fault: StreamFault | None = None) -> None:
        """A complete header block. It is decoded in any case: the table has to stay the peer's.

        Args:
            fault: what was wrong with its frame.
        """
        version = self._decoder.version
        headers = self._decoder.decode(block)
        if self._decoder.version != version:
            self.known.clear()
        if fault is not None:
            if number > self.numbers.last:
                self.numbers.open(number)
            raise fault
        stream = self.streams.get(number)
        if stream is not None:
            self._trailers(number, stream, headers, ended=ended)
        elif number > self.numbers.last:
            self._open(number, block, headers, ended=ended, fresh=self._decoder.version == version)
        else:
            self._late(number)

    def _trailers(self, number: int, stream: Stream, headers: list[Header], *, ended: bool) -> None:
        if stream.ended:
            raise StreamFault(ErrorCode.STREAM_CLOSED, "HEADERS after the end of the stream")
        if not ended:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "trailers that do not end the stream")
        request.check_trailers(headers)
        self._complete(number, stream)

    def _open(self, number: int, block: bytes, headers: list[Header], *, ended: bool, fresh: bool) -> None:
        self.numbers.open(number)
        if self.final is not None and number > self.final:
            self.numbers.reset(number)  # it was told that nobody works on it: its DATA is passed over
            return
        if self.full:
            raise StreamFault(ErrorCode.REFUSED_STREAM, "too many calls at a time")
        call = self._application.call(request.parse(headers))
        if fresh and len(block) <= _KNOWN_LENGTH and call.prompt is None:
            if len(self.known) >= _KNOWN_BLOCKS:
                self.known.clear()
            self.known[block] = call
        stream = self._begin(number, call)
        if ended:
            self._complete(number, stream)
        elif call.prompt is not None:
            self._cut_short(number, stream, call.prompt)

    def data(self, number: int, taken: int, body: bytes, *, ended: bool) -> None:
        """A DATA frame.

        Args:
            taken: octets of its payload with padding: they count for flow control.
        """
        self.window -= taken
        if self.window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        stream = self.streams.get(number)
        if stream is None or stream.ended:
            self._replenish()
            if stream is not None:
                raise StreamFault(ErrorCode.STREAM_CLOSED, "DATA after the end of the stream")
            self._late(number)
            return
        stream.taken += taken
        self._held += taken
        self._buffered.octets += taken
        if stream.taken > self._limits.body:
            raise StreamFault(ErrorCode.FLOW_CONTROL_ERROR, "more DATA than the stream's window")
        stream.body += body
        if ended:
            self._complete(number, stream)
        elif stream.taken == self._limits.body:
            self._cut_short(number, stream, stream.call.too_large())  # the window is used up, and stays so
        elif len(body) < _NEXT_TO_NOTHING:
            self._guard.idle_frame(self.count)

    def reset(self, number: int) -> None:
        """RST_STREAM by the peer."""
        if number in self.streams:
            self._drop(number)
            self._guard.reset()
            return
        self._guard.idle_frame(self.count)
        if self.numbers.past(number) is Past.IDLE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM of an idle stream")

    def refuse(self, number: int, code: ErrorCode) -> None:
        """Reset a stream ourselves. Faults a peer provokes count as if it had cancelled (CVE-2025-8671)."""
        self._drop(number)
        self.numbers.reset(number)
        self._outbound.parts.append(frames.rst_stream(number, code))
        self._guard.reset()

    def _late(self, number: int) -> None:
        """A frame of a stream that is not open, and does not open one."""
        self._guard.idle_frame(self.count)
        past = self.numbers.past(number)
        if past is Past.IDLE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame of an idle stream")
        if past is Past.CLOSED:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "a frame of a closed stream")

    # -- answers -----------------------------------------------------------------------------------------------------

    def at_once(self, number: int, octets: bytes, call: Call, body: bytes) -> None:
        """Answer a call that arrived whole, for which no stream was opened yet.

        Args:
            octets: the number as it is written.
        """
        self.numbers.last = number
        self.window -= len(body)
        if self.window < self._scarce:
            self._replenish()
        outcome = call.answer(body)
        if isinstance(outcome, Response) and self._outbound.whole(octets, outcome):
            return
        stream = self._begin(number, call)
        stream.ended = True
        self._answer(number, stream, outcome)

    def _begin(self, number: int, call: Call) -> Stream:
        stream = self.streams[number] = Stream(call, self._outbound.initial_window, self._clock())
        self._buffered.octets += CALL
        return stream

    def _complete(self, number: int, stream: Stream) -> None:
        """The peer has said all."""
        stream.ended = True
        body = bytes(stream.body)
        self._release(stream)
        if stream.call.content_length not in (None, len(body)):
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "a body of another length than content-length")
        self._answer(number, stream, stream.call.answer(body))

    def _cut_short(self, number: int, stream: Stream, response: Response) -> None:
        """Answer a request that has not ended, and want no more of it (section 8.1)."""
        if not self._outbound.begin(number, stream, response):
            raise StreamFault(ErrorCode.ENHANCE_YOUR_CALM, "a request that does not end, nor takes its answer")
        self.refuse(number, ErrorCode.NO_ERROR)

    def _answer(self, number: int, stream: Stream, outcome: Response | Awaitable[Response]) -> None:
        if isinstance(outcome, Response):
            self._send(number, stream, outcome)
            return

        def answered(response: Response) -> None:
            stream.cancel = None
            if self.streams.get(number) is stream:
                self._send(number, stream, response)

        stream.cancel = self._later(outcome, answered)

    def _send(self, number: int, stream: Stream, response: Response) -> None:
        if self._outbound.begin(number, stream, response):
            self._drop(number)
        else:
            stream.since = self._clock()

    # -- windows and ends --------------------------------------------------------------------------------------------

    def widen(self, number: int, octets: int) -> None:
        """WINDOW_UPDATE of a stream."""
        if octets == 0:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "a window enlarged by nothing")
        stream = self.streams.get(number)
        if stream is not None:
            if self._outbound.widen_stream(number, stream, octets):
                self._drop(number)
        elif self.numbers.past(number) is Past.IDLE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of an idle stream")

    def widen_all(self, octets: int) -> None:
        """WINDOW_UPDATE of the connection."""
        for number in self._outbound.widen(octets):
            self._drop(number)

    def resize(self, initial: int) -> None:
        """SETTINGS_INITIAL_WINDOW_SIZE of the peer."""
        self._guard.idle_frame(self.count, weight=len(self.streams) >> 3)  # each stream is looked at
        for number in self._outbound.resize(initial, self.streams):
            self._drop(number)

    def _replenish(self) -> None:
        """Let the peer send again what we do not hold any more, when the window has become scarce."""
        octets = self._limits.connection_window - self._held - self.window
        if octets > 0 and self.window < self._scarce:
            self.window += octets
            self._outbound.parts.append(frames.window_update(0, octets))

    def _release(self, stream: Stream) -> None:
        """Its body is not held any more."""
        self._held -= stream.taken
        self._buffered.octets -= stream.taken
        stream.taken = 0
        stream.body.clear()
        self._replenish()

    def _drop(self, number: int) -> None:
        """It is answered, or ends without: nothing of it is kept."""
        stream = self.streams.pop(number, None)
        if stream is None:
            return
        self._release(stream)
        self._buffered.octets -= CALL
        self._outbound.forget(number)
        if stream.cancel is not None:
            stream.cancel()

    def drop_all(self) -> None:
        """The connection is gone."""
        for number in list(self.streams):
            self._drop(number)

    def overdue(self, now: float) -> list[int]:
        """Streams whose requests take too long to arrive, or whose answers to be let through."""
        request, answer = now - self._limits.request, now - self._limits.stalled
        return [
            number
            for number, stream in self.streams.items()
            if (not stream.ended and stream.since < request) or (stream.response is not None and stream.since < answer)
        ]

    @property
    def full(self) -> bool:
        """Whether no further call should be begun."""
        return len(self.streams) >= self._limits.streams or self._buffered.octets >= self._buffered.limit

    @property
    def count(self) -> int:
        """How many calls there have been."""
        return self.numbers.last >> 1
