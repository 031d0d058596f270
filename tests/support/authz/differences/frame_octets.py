"""Frames of every kind, good and bad, in no sensible order."""

from collections.abc import Iterator
from random import Random
from typing import Final

from support.authz.differences.mutations import mutated, pieces
from support.authz.differences.target import Case

from eco2_authz.http2 import frames
from eco2_authz.http2.limits import FRAME_SIZE

_SETTINGS: Final = (
    {},
    {frames.INITIAL_WINDOW_SIZE: 0},
    {frames.INITIAL_WINDOW_SIZE: 1, 0x99: 7},
    {frames.INITIAL_WINDOW_SIZE: 1 << 31},
    {frames.ENABLE_PUSH: 1},
    {frames.ENABLE_PUSH: 2},
    {frames.MAX_FRAME_SIZE: FRAME_SIZE - 1},
    {frames.MAX_FRAME_SIZE: 1 << 24},
    {frames.MAX_HEADER_LIST_SIZE: 0, frames.MAX_CONCURRENT_STREAMS: 0},
)


def make(random: Random) -> Case:
    """What a client might send after the preface, in pieces."""
    octets = b"".join(_conversation(random))
    if random.random() < 0.3:
        octets = mutated(random, octets)
    return pieces(random, octets, at_most=5)


def _conversation(random: Random) -> Iterator[bytes]:
    if random.random() < 0.98:
        yield frames.settings(random.choice(_SETTINGS))
    for _ in range(random.choice((1, 2, 4, 8))):
        yield from _step(random)


def _step(random: Random) -> Iterator[bytes]:
    kind = random.choice((0, 0, 0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 0x10, 0xFF))
    number = random.choice((1, 3, 5, 7, 7, 0x7FFFFFFF, 0x80000001, 0, 2))
    if kind in (frames.SETTINGS, frames.PING, frames.GOAWAY) and random.random() < 0.9:
        number = 0
    flags = random.choice((0, 1, 4, 5, 5, 8, 0x25, 0x2D, random.randrange(256)))
    yield _frame(kind, flags, number, _payload(random, kind, flags))
    if kind == frames.HEADERS and not flags & frames.END_HEADERS:
        for more in range(random.choice((0, 1, 1, 2)), -1, -1):
            last = 0 if more else frames.END_HEADERS
            yield _frame(frames.CONTINUATION, last, number, random.randbytes(random.randrange(6)))


def _payload(random: Random, kind: int, flags: int) -> bytes:
    if random.random() < 0.05:
        return random.randbytes(random.choice((0, 1, 3, 4, 5, 7, 8, 9, 20)))
    if kind in (frames.DATA, frames.HEADERS, frames.PUSH_PROMISE):
        data = random.randbytes(random.choice((0, 1, 5, 6, 20)))
        if kind == frames.HEADERS and flags & frames.PRIORITIZED:
            data = _priority(random) + data
        if flags & frames.PADDED:
            padding = random.choice((0, 1, 3, 200))
            data = bytes([padding]) + data + bytes(random.choice((padding, padding, padding, 0)))
        return data
    if kind == frames.SETTINGS:
        return frames.settings(random.choice(_SETTINGS))[frames.HEADER_SIZE :] if not flags & 1 else b""
    size = {frames.PRIORITY: 5, frames.RST_STREAM: 4, frames.PING: 8, frames.GOAWAY: 9}.get(kind, 4)
    return random.choice((random.randbytes(size), random.randbytes(size), bytes(size)))


def _priority(random: Random) -> bytes:
    return frames.WORD.pack(random.choice((0, 1, 3, 7, 0x80000007))) + b"\x0f"


def _frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload
