"""However a conversation is cut into pieces, it is the same conversation.

This is what shows that the short way for usual calls (`Connection._at_once`) and the general one do the same; and
on the way, that nothing a client sends makes the connection raise, leak memory, or lose track of a window.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, cast
from zlib import crc32

from support.authz.differences.conversations import LIMITS, Event, make
from support.authz.differences.mutations import pieces
from support.authz.differences.target import Case, Target

from eco2_authz.http2 import frames
from eco2_authz.http2.application import Call, Response
from eco2_authz.http2.connection import Connection
from eco2_authz.http2.errors import ErrorCode
from eco2_authz.http2.memory import Buffered
from eco2_authz.http2.request import Head

_PATIENCE: Final = 11.0

Cutting = Callable[[bytes], list[bytes]]


@dataclass
class _Application:
    """Answers as the first octet of a body says, and writes down what was asked."""

    asked: list[tuple[bytes, bytes]] = field(default_factory=list)
    promised: list[Response] = field(default_factory=list)

    def call(self, head: Head) -> Call:
        return _Call(self, head)


@dataclass
class _Call:
    application: _Application
    head: Head

    @property
    def content_length(self) -> int | None:
        return self.head.content_length

    @property
    def prompt(self) -> Response | None:
        return Response(b"\x8d", b"", None) if self.head.path == b"/prompt" else None

    def answer(self, body: bytes) -> Response | Awaitable[Response]:
        self.application.asked.append((self.head.path, body))
        kind = body[0] if body else 0
        body = self.head.path * _SIZES[kind % len(_SIZES)]
        response = Response(b"\x88", body, b"\xbf" if body and kind & 16 else None)
        return cast(Awaitable[Response], [response]) if kind & 32 else response

    def too_large(self) -> Response:
        return Response(b"\x8d", b"", None)


_SIZES: Final = (0, 3, 5, 5, 40, 150, 3, 35_000)


@dataclass
class _Later:
    """Answers that take time: until the conversation says so."""

    waiting: dict[int, tuple[Response, Callable[[Response], None]]] = field(default_factory=dict)
    count: int = 0

    def __call__(self, outcome: Awaitable[Response], answered: Callable[[Response], None]) -> Callable[[], object]:
        self.count += 1
        (response,) = cast(list[Response], outcome)
        number = self.count
        self.waiting[number] = (response, answered)
        return lambda: self.waiting.pop(number)

    def one(self) -> None:
        if self.waiting:
            response, answered = self.waiting.pop(min(self.waiting))
            answered(response)

    def all(self) -> None:
        while self.waiting:
            self.one()


class _Forgetful(dict[bytes, Call]):
    """Remembers no header block: every call takes the general way."""

    def __setitem__(self, block: bytes, call: Call) -> None:
        pass


@dataclass(frozen=True)
class Outcome:
    """What can be seen of a conversation from outside, and the state it ends in."""

    said: bytes
    asked: list[tuple[bytes, bytes]]
    fault: tuple[ErrorCode, str] | None
    open: list[int]
    window: int
    held: int


def play(case: Case, cutting: Cutting, *, remember: bool = True) -> Outcome:
    """Have a conversation. Raises AssertionError for a law that is broken."""
    now = [0.0]
    application, later, buffered = _Application(), _Later(), Buffered(LIMITS.buffered)
    connection = Connection(application, LIMITS, later=later, clock=lambda: now[0], buffered=buffered)
    calls = connection._calls
    if not remember:
        calls.known = _Forgetful()
    said = [connection.take()]
    for part in case:
        for piece in cutting(part[1:]):
            connection.receive(piece)
            said.append(connection.take())
            _check_state(connection, later)
        _happen(Event(part[0] % len(Event)), connection, later, now)
        said.append(connection.take())
        _check_state(connection, later)
    later.all()
    said.append(connection.take())
    fault = connection.fault
    outcome = Outcome(
        b"".join(said),
        application.asked,
        fault and (fault.code, fault.message),
        list(calls.streams),
        calls.window,
        calls._held,
    )
    connection.gone()
    _check_end(connection, buffered, later)
    return outcome


def _happen(event: Event, connection: Connection, later: _Later, now: list[float]) -> None:
    match event:
        case Event.ONE_ANSWER:
            later.one()
        case Event.ALL_ANSWERS:
            later.all()
        case Event.LATER:
            now[0] += _PATIENCE
            connection.tick()
        case Event.DRAIN:
            connection.drain()
        case Event.CLOSE:
            connection.close()


def _check_state(connection: Connection, later: _Later) -> None:
    calls, outbound = connection._calls, connection._outbound
    assert len(later.waiting) == sum(stream.cancel is not None for stream in calls.streams.values())
    if connection.fault is not None:
        return
    assert 0 <= calls.window <= LIMITS.connection_window - calls._held
    assert 0 <= calls._held <= LIMITS.body * LIMITS.streams
    assert len(calls.streams) <= LIMITS.streams
    assert 0 <= outbound._window <= frames.LARGEST_WINDOW
    assert outbound._window == 0 or not outbound._waiting
    assert set(outbound._waiting) <= set(calls.streams)
    if calls._held == 0:  # what is not held may be sent again
        assert calls.window >= LIMITS.connection_window >> 1


def _check_end(connection: Connection, buffered: Buffered, later: _Later) -> None:
    """Nobody is left waiting, nothing is held."""
    assert buffered.octets == 0
    assert connection._calls._held == 0
    assert not connection._calls.streams
    assert not connection._outbound._waiting
    assert not later.waiting


def _check_answers(case: Case, outcome: Outcome) -> None:
    """Answers are in the order HTTP/2 wants, headers, body, trailers, then at most a reset; none is half said."""
    states: dict[int, str] = {}
    sent: Counter[int] = Counter()
    position = 0
    while position < len(outcome.said):
        high, length, kind, flags, number = frames.HEADER.unpack_from(outcome.said, position)
        length |= high << 16
        position += frames.HEADER_SIZE + length
        sent[number] += length if kind == frames.DATA else 0
        if kind == frames.RST_STREAM:
            states[number] = "over"
        elif kind in (frames.HEADERS, frames.DATA):
            assert states.get(number, "new") == ("open" if kind == frames.DATA else states.get(number, "new")) != "over"
            states[number] = "over" if flags & frames.END_STREAM else "open"
    assert position == len(outcome.said)
    resets, windows, initial = _granted(case)
    assert sent.total() <= frames.DEFAULT_WINDOW + windows[0]
    assert all(octets <= initial + windows[number] for number, octets in sent.items())
    if outcome.fault is None:
        unfinished = {number for number, state in states.items() if state == "open"}
        assert unfinished <= {*outcome.open, *resets}


def _granted(case: Case) -> tuple[set[int], Counter[int], int]:
    """What the client has said in all: streams it has reset, by how much windows grew, the largest window at first."""
    resets, windows, initial = set[int](), Counter[int](), list[int]()
    for number, frame in enumerate(_by_frames(b"".join(part[1:] for part in case))):
        stream = int.from_bytes(frame[5:9], "big") & frames.STREAM_MASK
        if frame[3:4] == b"\x03":
            resets.add(stream)
        elif frame[3:4] == b"\x08":
            windows[stream] += int.from_bytes(frame[9:], "big") & frames.LARGEST_WINDOW
        elif frame[3:4] == b"\x04" and frame[4:5] and not frame[4] & frames.ACK:
            values = dict(frames.SETTING.iter_unpack(frame[9 : 9 + len(frame[9:]) // 6 * 6]))
            initial.append(values.get(frames.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW if number == 1 else 0))
    return resets, windows, max(initial, default=0)


def _check(case: Case) -> None:
    random = Random(crc32(b"".join(case)))  # noqa: S311 - the same case is cut the same way
    whole = play(case, lambda octets: [octets])
    _check_answers(case, whole)
    assert play(case, lambda octets: [octets], remember=False) == whole
    way = random.random()
    if way < 0.3:
        assert play(case, _by_frames) == whole
    elif way > 0.99 and sum(map(len, case)) < 1_500:
        assert play(case, lambda octets: [octets[at : at + 1] for at in range(len(octets))]) == whole
    else:
        assert play(case, lambda octets: pieces(random, octets)) == whole


def _by_frames(octets: bytes) -> list[bytes]:
    """Frame by frame, as far as they are any; the preface is one of its own."""
    found: list[bytes] = []
    position = len(frames.PREFACE) if octets.startswith(frames.PREFACE) else 0
    found.append(octets[:position])
    while position < len(octets):
        end = position + 9 + int.from_bytes(octets[position : position + 3], "big")
        found.append(octets[position:end])
        position = end
    return found


TARGET: Final = Target("cuts", "a connection beside itself, its input cut otherwise", make, _check)
