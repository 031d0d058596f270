"""A client in the same process as a `Connection`, without sockets and with its own time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hpack import Encoder
from support.authz.http2_frames import (
    PREFACE,
    DataFrame,
    Frame,
    FrameReader,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    call_frames,
    request_headers,
    written,
)

from eco2_authz.http2.application import Application, Call, Response
from eco2_authz.http2.connection import Connection
from eco2_authz.http2.hpack.encoder import encode
from eco2_authz.http2.limits import Limits
from eco2_authz.http2.memory import Buffered
from eco2_authz.http2.request import Head

HEADERS: Final = encode([(b":status", b"200")])
TRAILERS: Final = encode([(b"grpc-status", b"0")])


def response(body: bytes) -> Response:
    """An answer with headers, body and trailers."""
    return Response(HEADERS, body, TRAILERS)


@dataclass
class Answers:
    """An application: answers every call with `answer`, an echo when none is set, and remembers what was asked."""

    answer: Callable[[bytes], Response | Awaitable[Response]] = response
    heads: list[Head] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    prompt: Response | None = None
    large: Response = field(default_factory=lambda: response(b"too large"))

    def call(self, head: Head) -> Call:
        """The answer to a head; asked once for each that is remembered."""
        self.heads.append(head)
        return _Call(self, head.content_length)


@dataclass
class _Call:
    answers: Answers
    content_length: int | None

    @property
    def prompt(self) -> Response | None:
        return self.answers.prompt

    def answer(self, body: bytes) -> Response | Awaitable[Response]:
        self.answers.bodies.append(body)
        return self.answers.answer(body)

    def too_large(self) -> Response:
        return self.answers.large


@dataclass
class Waiting:
    """Answers that take time: `give` one when the test wants."""

    answered: list[Callable[[Response], None]] = field(default_factory=list)
    cancelled: int = 0

    def __call__(self, outcome: Awaitable[Response], answered: Callable[[Response], None]) -> Callable[[], object]:
        """Wait, in the place of an event loop."""
        self.answered.append(answered)
        return self._cancel

    def _cancel(self) -> None:
        self.cancelled += 1

    def give(self, body: bytes) -> None:
        """Answer the oldest call that waits."""
        self.answered.pop(0)(response(body))


def head(peer: "Peer", number: int, *more: tuple[str, str], flags: Sequence[str] = ("END_HEADERS",)) -> HeadersFrame:
    """The first frame of a call."""
    return HeadersFrame(number, peer.encoder.encode(request_headers("/a.B/C", *more)), flags=list(flags))


def end(number: int, body: bytes = b"") -> DataFrame:
    """The last frame of a call."""
    return DataFrame(number, body, flags=["END_STREAM"])


def resets(found: list[Any]) -> list[tuple[int, int]]:
    """Stream and code of each RST_STREAM."""
    return [(frame.stream_id, frame.error_code) for frame in found if isinstance(frame, RstStreamFrame)]


def postpone(peer: "Peer") -> None:
    """From now on answers take time: they are in `Peer.later`."""
    peer.answers.answer = lambda body: object()  # type: ignore[assignment,return-value]


class Peer:
    """The client of one connection, which is greeted when `greet` is not False."""

    def __init__(self, application: Application | None = None, *, greet: bool = True, **limits: Any) -> None:
        self.now = 100.0
        self.answers = Answers()
        self.later = Waiting()
        self.limits = Limits(**limits)
        self.buffered = Buffered(self.limits.buffered)
        self.encoder = Encoder()
        self.reader = FrameReader()
        self.connection = Connection(
            application or self.answers,
            self.limits,
            later=self.later,
            clock=lambda: self.now,
            buffered=self.buffered,
        )
        self.greeting: list[Any] = []
        if greet:
            self.greeting = self.send(PREFACE, SettingsFrame())

    def send(self, *parts: Frame | bytes) -> list[Any]:
        """Send frames, and read what is said then."""
        self.connection.receive(written(*parts))
        return self.read()

    def read(self) -> list[Any]:
        """What the connection says, as frames of hyperframe."""
        return self.reader.read(self.connection.take())

    def call(self, number: int, body: bytes = b"", headers: Any = None) -> list[Any]:
        """Make a whole call; the frames of its answer."""
        return self.send(*call_frames(self.encoder, number, body, headers))

    def pass_time(self, seconds: float) -> list[Any]:
        """So much time passes, and the connection looks for what takes too long."""
        self.now += seconds
        self.connection.tick()
        return self.read()

    @property
    def fault(self) -> tuple[int, str] | None:
        """What has ended the connection: code and message."""
        fault = self.connection.fault
        return fault and (int(fault.code), fault.message)
