"""What a client might say on a connection: mostly calls, in every form that HTTP/2 has for them, and what goes wrong.

A part of a conversation is an octet that says what happens afterwards (`Event`) and the octets that are sent before.
"""

from collections.abc import Iterator
from enum import IntEnum
from random import Random
from typing import Final

from support.authz.differences.mutations import mutated
from support.authz.differences.target import Case

from eco2_authz.http2 import frames
from eco2_authz.http2.hpack.encoder import encode
from eco2_authz.http2.limits import Limits


class Event(IntEnum):
    """What happens after a part was sent."""

    NOTHING = 0
    ONE_ANSWER = 1
    ALL_ANSWERS = 2
    LATER = 3
    """Eleven seconds pass, and somebody looks for what takes too long."""
    DRAIN = 4
    CLOSE = 5


LIMITS: Final = Limits(
    streams=4,
    header_list=400,
    continuations=2,
    body=65_535,
    connection_window=65_536 + 4_000,
    buffered=80_000,
    control_frames=12,
    resets=4,
)
"""Low, so that conversations reach them."""

_START: Final = [(b":method", b"POST"), (b":scheme", b"http")]


def _plain(path: bytes, *fields: tuple[bytes, bytes]) -> bytes:
    return encode([*_START, (b":path", path), *fields])


_REMEMBER_PATH: Final = b"\x83\x86\x44\x02/"
_BLOCKS: Final = (
    _plain(b"/a"),
    _plain(b"/b", (b"te", b"trailers")),
    _plain(b"/c", (b"content-length", b"6")),
    _REMEMBER_PATH + b"d",
    _REMEMBER_PATH + b"e",
    b"\x83\x86\xbe",  # the path that was remembered last: the same octets, another meaning
    b"\x83\x86\xbf",
    b"\x20\x3f\xe1\x1f" + _plain(b"/f"),
    b"\x83\x86\x05\x82\x60\x7f",
    _plain(b"/g", (b"x", b"y" * 500)),
    _plain(b"/prompt"),
    _plain(b"no-slash"),
    _plain(b"/h", (b"connection", b"close")),
    b"\x83\x86\xff\xff\xff\xff\x7f",
)
_USUAL: Final = (0, 0, 0, 0, 1, 1, 2, 5, 5, 5, 3, 4, 6, 7, 8, 10)
_INITIAL_WINDOWS: Final = (0, 0, 1, 7, 300, 65_535, 200_000, 0x7FFFFFFF)
_EVENTS: Final = (*[Event.NOTHING] * 6, Event.ONE_ANSWER, Event.ONE_ANSWER, Event.ALL_ANSWERS)
_SELDOM: Final = (Event.LATER, Event.DRAIN, Event.CLOSE)


def make(random: Random) -> Case:
    """A conversation."""
    parts = [frames.PREFACE + frames.settings(_settings(random))]
    talk = _Talk(random)
    parts += [_steps(talk, random.choice((1, 1, 2, 5))) for _ in range(random.choice((1, 2, 4, 6)))]
    if random.random() < 0.25:
        where = random.randrange(len(parts))
        parts[where] = mutated(random, parts[where])
    return [bytes([random.choice(_EVENTS if random.random() < 0.94 else _SELDOM)]) + part for part in parts]


def _steps(talk: "_Talk", count: int) -> bytes:
    return b"".join(talk.step() for _ in range(count))


def _settings(random: Random) -> dict[int, int]:
    if random.random() < 0.6:
        return {}
    return {frames.INITIAL_WINDOW_SIZE: random.choice(_INITIAL_WINDOWS)}


class _Talk:
    """The client's side: which streams it has opened."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._next = 1

    def step(self) -> bytes:
        kind = self._random.random()
        if kind < 0.01:  # a header block that is never ended
            return frames.frame(frames.HEADERS, 0, self._next, _BLOCKS[0])
        if kind < 0.62:
            return b"".join(self._call())
        return self._large_call() if kind < 0.66 else self._something_else()

    def _something_else(self) -> bytes:
        random = self._random
        number = random.choice((1, self._next - 2, self._next - 2, self._next - 4, self._next, 0)) & frames.STREAM_MASK
        choice = random.randrange(9)
        if choice == 0:
            return frames.rst_stream(number, 8)
        if choice <= 2:
            return frames.window_update(
                random.choice((0, number)), random.choice((0, 1, 10, 1_000, 100_000, 2**31 - 1))
            )
        if choice == 3:
            return frames.settings({frames.INITIAL_WINDOW_SIZE: random.choice(_INITIAL_WINDOWS)})
        if choice == 4:
            return frames.frame(frames.PING, random.choice((0, 1)), 0, b"12345678")
        if choice == 5:
            return frames.frame(frames.DATA, random.choice((0, 1, 9)), number, b"\x01\x00\x00")
        if choice == 6:
            return frames.frame(frames.HEADERS, 5, number, encode([(b"x", b"y")]))
        if choice == 7:
            return frames.frame(frames.PRIORITY, 0, number, bytes(random.choice((5, 5, 4))))
        return frames.frame(random.choice((0x10, frames.GOAWAY)), 0, 0, bytes(8))

    def _number(self) -> int:
        number = self._next
        self._next += 2 if self._random.random() < 0.95 else 4
        return number

    def _call(self) -> Iterator[bytes]:
        random, number = self._random, self._number()
        block = _BLOCKS[random.choice(_USUAL) if random.random() < 0.97 else random.randrange(len(_BLOCKS))]
        body = bytes([random.randrange(256)]) + random.choice((b"", b"abcde", b"x" * 80))
        form = random.random()
        if form < 0.6:
            if form < 0.02:
                body += bytes(4_500)
            yield frames.frame(frames.HEADERS, frames.END_HEADERS, number, block)
            yield frames.frame(frames.DATA, frames.END_STREAM, number - (2 if 0.02 < form < 0.03 else 0), body)
            return
        yield from self._head(number, block, ended=form > 0.95)
        if form <= 0.95:
            yield from self._body(number, body)

    def _head(self, number: int, block: bytes, *, ended: bool) -> Iterator[bytes]:
        random = self._random
        flags, payload = frames.END_STREAM if ended else 0, block
        if random.random() < 0.3:
            flags |= frames.PRIORITIZED
            payload = frames.WORD.pack(random.choice((0, 0, 0, number))) + b"\x01" + payload
        if random.random() < 0.3:
            flags |= frames.PADDED
            payload = b"\x03" + payload + bytes(3)
        elif random.random() < 0.4:
            cut = random.randrange(len(block) + 1)
            yield frames.frame(frames.HEADERS, flags, number, payload[: len(payload) - cut])
            rest = payload[len(payload) - cut :]
            for _ in range(random.choice((0, 0, 1, 2))):
                yield frames.frame(frames.CONTINUATION, 0, number, rest[:1])
                rest = rest[1:]
            yield frames.frame(frames.CONTINUATION, frames.END_HEADERS, number, rest)
            return
        yield frames.frame(frames.HEADERS, flags | frames.END_HEADERS, number, payload)

    def _body(self, number: int, body: bytes) -> Iterator[bytes]:
        random = self._random
        end = random.random()
        for octet in body[:3]:
            yield frames.frame(frames.DATA, 0, number, bytes([octet]))
        last = frames.END_STREAM if end < 0.7 else 0
        if random.random() < 0.4:
            yield frames.frame(frames.DATA, last | frames.PADDED, number, b"\x02" + body[3:] + bytes(2))
        else:
            yield frames.frame(frames.DATA, last, number, body[3:])
        if 0.7 <= end < 0.85:
            yield frames.frame(frames.HEADERS, random.choice((5, 5, 4)), number, encode([(b"x", b"y")]))

    def _large_call(self) -> bytes:
        """Full frames up to the stream's window, or one short of it, or beyond."""
        number, random = self._number(), self._random
        octets = [frames.frame(frames.HEADERS, frames.END_HEADERS, number, _BLOCKS[0])]
        octets += [frames.frame(frames.DATA, 0, number, bytes(16_384))] * random.choice((1, 2, 3))
        size = random.choice((16_382, 16_383, 16_384, 10))
        octets.append(frames.frame(frames.DATA, random.choice((0, 1)), number, bytes(size)))
        return b"".join(octets)
