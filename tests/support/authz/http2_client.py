"""A client on a socket, for frames of any kind: it sends what it is told, also what no client would."""

import select
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from hpack import Encoder
from support.authz.http2_frames import (
    PREFACE,
    DataFrame,
    Frame,
    FrameReader,
    GoAwayFrame,
    RstStreamFrame,
    SettingsFrame,
    call_frames,
    written,
)
from support.waits import PATIENCE

_CHUNK: Final = 262_144


class Client:
    """One connection, greeted unless `greet` is False."""

    def __init__(self, address: str, *, greet: bool = True, receive_buffer: int | None = None) -> None:
        self.encoder = Encoder()
        self.closed = False
        """The server has closed, or reset, the connection."""
        self.goaway: GoAwayFrame | None = None
        self._reader = FrameReader()
        self._found: list[Any] = []
        self._number = -1
        self.socket = self._connect(address, receive_buffer)
        if greet:
            self.send(PREFACE, SettingsFrame())

    @staticmethod
    def _connect(address: str, receive_buffer: int | None) -> socket.socket:
        unix = address.startswith("unix:")
        it = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if receive_buffer is not None:  # before connecting: it decides what is said to the other side
            it.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        host, _, port = address.rpartition(":")
        it.connect(address.removeprefix("unix:") if unix else (host, int(port)))
        it.setblocking(False)
        return it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    # -- sending -----------------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        """The number of a new stream."""
        self._number += 2
        return self._number

    def send(self, *parts: Frame | bytes, read: bool = True) -> bool:
        """Send everything; whether the server still takes it.

        Args:
            read: take meanwhile what the server says, and keep it for `frames`; else nothing is read.
        """
        return self.push(written(*parts), read=read) == 0

    def push(self, octets: bytes, *, read: bool = True, within: float = PATIENCE) -> int:
        """Send what the server takes within so many seconds; how many octets it did not."""
        rest, deadline = memoryview(octets), time.monotonic() + within
        while rest and not self.closed:
            ready = self._ready(select.POLLOUT | (select.POLLIN if read else 0), deadline - time.monotonic())
            if ready & select.POLLIN:
                self._receive()
            if ready & ~select.POLLIN and not self.closed:
                rest = rest[self._push(rest) :]
            if not ready:
                break
        return len(rest)

    def _ready(self, events: int, seconds: float) -> int:
        """Which of the events (or errors) there are, at latest after so long. `select` would end at 1,024 files."""
        poll = select.poll()
        poll.register(self.socket, events)
        found = poll.poll(max(seconds, 0) * 1000)
        return found[0][1] if found else 0

    def _push(self, octets: memoryview) -> int:
        try:
            return self.socket.send(octets[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError:
            self.closed = True
            return 0

    # -- receiving ---------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        try:
            octets = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            octets = b""
        if not octets:
            self.closed = True
        for frame in self._reader.read(octets):
            if isinstance(frame, GoAwayFrame):
                self.goaway = frame
            self._found.append(frame)

    def discard(self) -> None:
        """Read what there is without looking at it."""
        while not self.closed and self._ready(select.POLLIN, 0):
            try:
                self.closed = not self.socket.recv(_CHUNK)
            except OSError:
                self.closed = True

    def frames(self, enough: Callable[[list[Any]], object], *, within: float = PATIENCE) -> list[Any]:
        """What the server has said since the last time, when that is enough or the connection has ended.

        Raises AssertionError when it is not enough in time.
        """
        deadline = time.monotonic() + within
        while not enough(self._found) and not self.closed:
            left = deadline - time.monotonic()
            assert left > 0, f"not within {within:g} s; so far {len(self._found)} frames, the last: {self._found[-3:]}"
            if self._ready(select.POLLIN, left):
                self._receive()
        found, self._found = self._found, []
        return found

    def ended(self, *, within: float = PATIENCE) -> GoAwayFrame | None:
        """Wait until the server has ended the connection; its reason, unless that was lost with the connection."""
        self.frames(lambda found: False, within=within)
        return self.goaway

    # -- calls -------------------------------------------------------------------------------------------------------

    def call(self, message: bytes, *, within: float = PATIENCE) -> bytes:
        """The answer to one call. Raises AssertionError when there is none."""
        number = self.next_number()
        self.send(*call_frames(self.encoder, number, message))
        found = self.frames(lambda found: _over(found, number), within=within)
        answer = [frame for frame in found if frame.stream_id == number]
        assert answer, f"no answer; the connection has ended: {self.goaway}"
        assert not isinstance(answer[-1], RstStreamFrame), f"reset: {answer[-1].error_code}"
        headers: dict[str, str] = {}
        for frame in answer:
            headers |= getattr(frame, "headers", {})
        assert headers.get("grpc-status") == "0", headers
        return b"".join(frame.data for frame in answer if isinstance(frame, DataFrame))[5:]


def _over(found: list[Any], number: int) -> bool:
    return any(
        frame.stream_id == number and ("END_STREAM" in frame.flags or isinstance(frame, RstStreamFrame))
        for frame in found
    )
