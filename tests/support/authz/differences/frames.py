"""A connection's octets cut into frames and frames into their parts, beside hyperframe."""

from typing import Any, Final

from hyperframe import frame as hyper
from hyperframe.exceptions import HyperframeError
from support.authz.differences.frame_octets import make
from support.authz.differences.target import Case, Target

from eco2_authz.http2 import frames
from eco2_authz.http2.connection import Connection
from eco2_authz.http2.errors import ErrorCode, StreamFault
from eco2_authz.http2.limits import FRAME_SIZE, Limits
from eco2_authz.http2.memory import Buffered
from eco2_authz.http2.numbers import Numbers

_LIMITS: Final = Limits(control_frames=10**9, resets=10**9, continuations=10**9, header_block=10**9)
Record = tuple[Any, ...]

# -- what ours makes of it -------------------------------------------------------------------------------------------


class _Calls:
    """Stands in for the calls of a connection: writes down what the frames say."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.known: dict[bytes, Any] = {}
        self.numbers = Numbers()
        self.numbers.last = frames.STREAM_MASK  # none is idle
        self.count = 0

    def headers(self, number: int, block: bytes, *, ended: bool, fault: StreamFault | None = None) -> None:
        self.records.append(("headers", number, block, ended))
        if fault is not None:
            raise fault

    def data(self, number: int, taken: int, body: bytes, *, ended: bool) -> None:
        self.records.append(("data", number, taken, body, ended))

    def reset(self, number: int) -> None:
        self.records.append(("reset", number))

    def refuse(self, number: int, code: ErrorCode) -> None:
        self.records.append(("refuse", number))

    def widen(self, number: int, octets: int) -> None:
        if octets == 0:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "as the calls do")
        self.records.append(("widen", number, octets))

    def widen_all(self, octets: int) -> None:
        self.records.append(("widen", 0, octets))

    def resize(self, initial: int) -> None:
        self.records.append(("resize", initial))

    def drop_all(self) -> None:
        """At the end of the connection."""


class _Parts(list[bytes]):
    """Stands in for what is to be written: an answer is a record too."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self.records = records

    def append(self, part: bytes) -> None:
        kind, flags, payload = part[3], part[4], part[9:]
        if kind == frames.PING:
            self.records.append(("pong", payload))
        elif kind == frames.SETTINGS:
            assert flags == frames.ACK
            self.records.append(("settings",))
        else:
            assert kind == frames.GOAWAY
            self.records.append(("goaway",))


def _found(case: Case) -> list[Record]:
    records: list[Record] = []
    connection = Connection(
        None,  # type: ignore[arg-type]
        _LIMITS,
        later=None,  # type: ignore[arg-type]
        clock=lambda: 0.0,
        buffered=Buffered(0),
    )
    connection._calls = connection._handlers._calls = _Calls(records)  # type: ignore[assignment]
    connection._outbound.parts = _Parts(records)
    connection.receive(frames.PREFACE)
    for piece in case:
        connection.receive(piece)
    return records


# -- what hyperframe makes of it -------------------------------------------------------------------------------------


class _Refused(Exception):
    """The connection ends here."""


def _expected(octets: bytes) -> list[Record]:
    records: list[Record] = []
    try:
        _read(octets, records)
    except _Refused:
        records.append(("goaway",))
    return records


def _read(octets: bytes, records: list[Record]) -> None:
    first, block, position = True, None, 0
    while position + 9 <= len(octets):
        header = octets[position : position + 9]
        length = int.from_bytes(header[:3], "big")
        _refuse_if(length > FRAME_SIZE)
        payload = octets[position + 9 : position + 9 + length]
        if len(payload) < length:
            return
        position += 9 + length
        kind, number = header[3], int.from_bytes(header[5:], "big") & frames.STREAM_MASK
        _refuse_if(first and (kind != frames.SETTINGS or header[4] & frames.ACK))
        first = False
        _refuse_if((kind == frames.CONTINUATION) != (block is not None))
        if block is not None:
            _refuse_if(number != block.stream_id)
            more = _parsed(header, payload)
            block.data += more.data
            if "END_HEADERS" in more.flags:
                records.extend(_headers(block))
                block = None
        elif kind == frames.HEADERS and not header[4] & frames.END_HEADERS:
            block = _parsed(header, payload)
        else:
            records.extend(_meaning(header, number, payload))


def _refuse_if(wrong: object) -> None:
    if wrong:
        raise _Refused


def _parsed(header: bytes, payload: bytes) -> Any:
    """A frame of hyperframe. Raises _Refused."""
    kind, number = header[3], int.from_bytes(header[5:], "big") & frames.STREAM_MASK
    _refuse_if(kind in (frames.DATA, frames.HEADERS, frames.RST_STREAM) and number % 2 == 0)  # no client has those
    try:
        found, _ = hyper.Frame.parse_frame_header(memoryview(header))
        if kind == frames.HEADERS:
            return _parsed_headers(found, payload)
        found.parse_body(memoryview(payload))
    except HyperframeError:
        raise _Refused from None
    return found


def _parsed_headers(found: Any, payload: bytes) -> Any:
    """Two differences: hyperframe takes HEADERS that holds nothing but its padding for too much padding, which RFC 9113
    (section 6.2) does not; and it lets padding reach into the priority."""
    fixed = ("PADDED" in found.flags) + 5 * ("PRIORITY" in found.flags)
    if "PADDED" in found.flags and payload:
        _refuse_if(payload[0] > len(payload) - fixed)
        if payload[0] == len(payload) - fixed:
            payload = b"\x00" + payload[1:fixed]
    found.parse_body(memoryview(payload))
    return found


def _meaning(header: bytes, number: int, payload: bytes) -> list[Record]:
    """What a frame that is no part of a header block does. Raises _Refused."""
    kind = header[3]
    if kind > frames.CONTINUATION:  # extensions; hyperframe knows one of them
        return []
    _refuse_if(kind == frames.PUSH_PROMISE)
    if kind == frames.WINDOW_UPDATE and len(payload) == 4:
        payload = bytes([payload[0] & 0x7F]) + payload[1:]  # the reserved bit is ignored, which hyperframe does not
    if kind == frames.PRIORITY or (kind == frames.WINDOW_UPDATE and len(payload) == 4 and number):
        try:
            found = _parsed(header, payload)
        except _Refused:  # an error of the stream alone
            _refuse_if(number % 2 == 0)  # which was never there
            return [("refuse", number)]
    else:
        found = _parsed(header, payload)
    return _of_kind(found, payload)


def _of_kind(found: Any, payload: bytes) -> list[Record]:
    number = found.stream_id
    match found:
        case hyper.DataFrame():
            return [("data", number, found.flow_controlled_length, found.data, "END_STREAM" in found.flags)]
        case hyper.HeadersFrame():
            return _headers(found)
        case hyper.PriorityFrame() if found.depends_on == number:
            _refuse_if(number % 2 == 0)
            return [("refuse", number)]
        case hyper.RstStreamFrame():
            return [("reset", number)]
        case hyper.SettingsFrame() if "ACK" not in found.flags:
            return _settings(payload)
        case hyper.PingFrame() if "ACK" not in found.flags:
            return [("pong", found.opaque_data)]
        case hyper.WindowUpdateFrame():
            return [("widen", number, found.window_increment)]
    return []


def _headers(found: Any) -> list[Record]:
    record: Record = ("headers", found.stream_id, found.data, "END_STREAM" in found.flags)
    if "PRIORITY" in found.flags and found.depends_on == found.stream_id:
        return [record, ("refuse", found.stream_id)]
    return [record]


def _settings(payload: bytes) -> list[Record]:
    """Settings one by one: hyperframe forgets those that come twice. It does not look at the values either."""
    values: dict[int, int] = {}
    for begin in range(0, len(payload), 6):
        one = hyper.SettingsFrame()
        one.parse_body(memoryview(payload[begin : begin + 6]))
        values |= one.settings
        _refuse_if(one.settings.get(frames.ENABLE_PUSH, 0) > 1)
        _refuse_if(one.settings.get(frames.INITIAL_WINDOW_SIZE, 0) >= 1 << 31)
        _refuse_if(not FRAME_SIZE <= one.settings.get(frames.MAX_FRAME_SIZE, FRAME_SIZE) < 1 << 24)
    initial = values.get(frames.INITIAL_WINDOW_SIZE)
    return [("settings",)] if initial is None else [("settings",), ("resize", initial)]


def _check(case: Case) -> None:
    assert _found(case) == _expected(b"".join(case))


TARGET: Final = Target("frames", "frames of a connection beside hyperframe", make, _check)
