"""What an attacker sends: octets that cost little to make and, with luck, much to work on.

A flood is one connection's worth; it is sent again and again, on a new connection whenever the server has ended one.
"""

from collections.abc import Callable
from random import Random
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Final, Self

from hpack import Encoder
from support.authz.differences.huffman import encoded
from support.authz.http2_client import Client
from support.authz.http2_frames import grpc_message, request_headers
from support.authz.http2_process import ServerProcess

from eco2_authz.http2 import frames
from eco2_authz.http2.frames import frame

Flood = Callable[[], bytes]

_BLOCK: Final = bytes(Encoder().encode(request_headers()))
_FRAMES: Final = 20_000
_CALLS: Final = 5
"""Of a bystander on one connection."""
_MORE_THAN_MAY_BE_RESET: Final = 5_000


def _numbers(count: int) -> range:
    return range(1, 2 * count, 2)


def _head(number: int, flags: int = frames.END_HEADERS, block: bytes = _BLOCK) -> bytes:
    return frame(frames.HEADERS, flags, number, block)


# -- header blocks ---------------------------------------------------------------------------------------------------


def endless_header_block() -> bytes:
    """CVE-2024-27316 and its kin."""
    return _head(1, 0) + frame(frames.CONTINUATION, 0, 1, b"\x00\x01x\x7f\x81\x07" + b"y" * 1_000) * 5_000


def header_block_of_nothing() -> bytes:
    """Frames without an octet in them."""
    return _head(1, 0) + frame(frames.CONTINUATION, 0, 1) * _FRAMES


def large_entry_named_often() -> bytes:
    """A block that decodes to a thousand times its size."""
    entry = b"\x40\x01x\x7f\x81\x1e" + b"y" * 3_968
    return _head(1, block=entry) + b"".join(_head(number, block=b"\xbe" * 16_000) for number in _numbers(50)[1:])


def huffman_bomb() -> bytes:
    """The shortest code has five bits."""
    text = b"\x00\x01x\xff\xe1\x7c" + bytes(16_000)  # zeros are the character "0", eight of them in five octets
    return b"".join(_head(number, block=text) for number in _numbers(50))


def huffman_of_every_state() -> bytes:
    """Strings that make the decoder build all of its tables, and no two alike, so that none is remembered."""
    random = Random(1)  # noqa: S311 - any will do
    texts = [encoded(random.randbytes(25)) for _ in range(_MORE_THAN_MAY_BE_RESET)]
    blocks = [b"\x00\x01x" + bytes([0x80 | len(text)]) + text for text in texts if len(text) < 0x7F]
    return b"".join(map(lambda number, block: _head(number, block=block), _numbers(len(blocks)), blocks))


def table_size_updates() -> bytes:
    """Sixteen thousand in one block."""
    return _head(1, block=b"\x20" * 16_384)


def headers_as_many_as_fit() -> bytes:
    """Malformed at the very end."""
    block = b"\x83\x86\x44\x02/a" + b"\x00\x01x\x00" * 400 + b"\x00\x01X\x00"
    return b"".join(_head(number, block=block) for number in _numbers(1_000))


# -- calls that are not meant ----------------------------------------------------------------------------------------


def rapid_reset() -> bytes:
    """CVE-2023-44487."""
    return b"".join(_head(number) + frames.rst_stream(number, 8) for number in _numbers(_FRAMES))


def rapid_reset_of_slow_calls() -> bytes:
    """The same for calls that somebody works on."""
    body = grpc_message(b"hang")
    return b"".join(
        _head(number) + frame(frames.DATA, frames.END_STREAM, number, body) + frames.rst_stream(number, 8)
        for number in _numbers(_FRAMES)
    )


def made_you_reset() -> bytes:
    """CVE-2025-8671: frames whose fault makes the server cancel."""
    return b"".join(_head(number) + frame(frames.WINDOW_UPDATE, 0, number, bytes(4)) for number in _numbers(_FRAMES))


def malformed_calls() -> bytes:
    """Each of them is refused."""
    return b"".join(_head(number, block=b"\x82") for number in _numbers(_FRAMES))


def calls_beyond_the_limit() -> bytes:
    """None of them ends."""
    return b"".join(_head(number) for number in _numbers(_FRAMES))


# -- frames that ask nothing -----------------------------------------------------------------------------------------


def settings() -> bytes:
    """Each is to be acknowledged."""
    return frames.settings({}) * _FRAMES


def settings_of_sixteen_kilobytes() -> bytes:
    """Each of nearly three thousand settings."""
    return frames.settings(dict.fromkeys(range(100, 2_800), 7)) * 1_000


def settings_that_move_windows() -> bytes:
    """With calls open whose windows they move."""
    moves = b"".join(frames.settings({frames.INITIAL_WINDOW_SIZE: size}) for size in (1, 2))
    return b"".join(_head(number) for number in _numbers(1_000)) + moves * (_FRAMES // 2)


def pings() -> bytes:
    """Each is to be answered."""
    return frame(frames.PING, 0, 0, bytes(8)) * _FRAMES


def pongs() -> bytes:
    """Answers to nothing."""
    return frame(frames.PING, frames.ACK, 0, bytes(8)) * _FRAMES


def priorities() -> bytes:
    """Of streams that are never there."""
    return frame(frames.PRIORITY, 0, 77, bytes(5)) * _FRAMES


def window_updates() -> bytes:
    """An octet each."""
    return frames.window_update(0, 1) * _FRAMES


def window_updates_of_a_stream() -> bytes:
    """The same for one call."""
    return _head(1) + frames.window_update(1, 1) * _FRAMES


def window_updates_with_answers_waiting() -> bytes:
    """Each octet might let any of a thousand answers go on."""
    closed = frames.settings({frames.INITIAL_WINDOW_SIZE: 0})
    body = frame(frames.DATA, frames.END_STREAM, 0, grpc_message(b"question"))
    calls = [_head(number) + body[:5] + frames.WORD.pack(number) + body[9:] for number in _numbers(1_000)]
    return closed + b"".join(calls) + frames.window_update(0, 1) * _FRAMES


def empty_data() -> bytes:
    """CVE-2019-9518."""
    return _head(1) + frame(frames.DATA, 0, 1) * _FRAMES


def data_octet_by_octet() -> bytes:
    """A frame around each."""
    return _head(1) + frame(frames.DATA, 0, 1, b"x") * _FRAMES


def padding() -> bytes:
    """Frames of nothing else."""
    return _head(1) + frame(frames.DATA, frames.PADDED, 1, b"\xff" + bytes(255)) * 5_000


def resets_of_nothing() -> bytes:
    """Of a call that has ended."""
    return _head(1) + frames.rst_stream(1, 8) * _FRAMES


def data_of_a_call_that_was_refused() -> bytes:
    """The server has to pass over it: it may have been under way."""
    return _head(1, block=b"\x82") + frame(frames.DATA, 0, 1, b"x") * _FRAMES


def headers_of_a_call_that_was_refused() -> bytes:
    """These have to be decoded all the same."""
    return _head(1, block=b"\x82") * _FRAMES


def unknown_frames() -> bytes:
    """Extensions are ignored."""
    return frame(0xFA, 0, 0, bytes(8)) * _FRAMES


def goaways() -> bytes:
    """Again and again."""
    return frames.goaway(0, 0) * _FRAMES


HEADER_FLOODS: Final[tuple[Flood, ...]] = (
    endless_header_block,
    header_block_of_nothing,
    large_entry_named_often,
    huffman_bomb,
    huffman_of_every_state,
    table_size_updates,
    headers_as_many_as_fit,
)
CALL_FLOODS: Final[tuple[Flood, ...]] = (
    rapid_reset,
    rapid_reset_of_slow_calls,
    made_you_reset,
    malformed_calls,
    calls_beyond_the_limit,
)
IDLE_FLOODS: Final[tuple[Flood, ...]] = (
    settings,
    settings_of_sixteen_kilobytes,
    settings_that_move_windows,
    pings,
    pongs,
    priorities,
    window_updates,
    window_updates_of_a_stream,
    window_updates_with_answers_waiting,
    empty_data,
    data_octet_by_octet,
    padding,
    resets_of_nothing,
    data_of_a_call_that_was_refused,
    headers_of_a_call_that_was_refused,
    unknown_frames,
    goaways,
)


def attack(address: str, octets: bytes, *, seconds: float) -> list[int | None]:
    """Send a flood on one connection after another for so long, and each until the server ends it.

    What a slow machine lets pass for few a second is followed by a frame that nothing lets pass. Returns the codes of
    GOAWAY; None where it was lost with the connection. Raises AssertionError when the server goes on with a connection.
    """
    codes: list[int | None] = []
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        with Client(address) as client:
            client.push(octets + frame(frames.PING, 0, 1, bytes(8)))
            goaway = client.ended()
            codes.append(goaway and goaway.error_code)
    return codes


class Bystander:
    """A client that does no harm, in a thread of its own: it makes calls until it is left, and watches the server."""

    def __init__(self, server: ServerProcess) -> None:
        self.answered = 0
        self.largest = 0
        """Octets of memory that the server had at most."""
        self._server = server
        self._over = Event()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise AssertionError("a client that did no harm was not served") from self._failure
        assert self.answered or error

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                with Client(self._server.address) as client:
                    for _ in range(_CALLS):
                        assert client.call(b"question") == b"question"
                        self.answered += 1
                self.largest = max(self.largest, self._server.rss)
        except Exception as error:
            self._failure = error
