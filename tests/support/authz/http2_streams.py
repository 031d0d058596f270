"""A connection of asyncio's streams, frame by frame; for servers in the same event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hpack import Encoder
from support.authz.http2_frames import PREFACE, Frame, FrameReader, GoAwayFrame, SettingsFrame, written


class Peer:
    """A connection, frame by frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.encoder = Encoder()
        self.found: list[Any] = []
        self._reader = reader
        self._frames = FrameReader()

    def send(self, *parts: Frame | bytes) -> None:
        """Send frames."""
        self.writer.write(written(*parts))

    async def until(self, enough: Callable[[Any], object]) -> list[Any]:
        """Read until one frame is enough, or the connection ends; all so far."""
        while not any(enough(frame) for frame in self.found):
            if not await self._more():
                break
        return self.found

    async def ended(self) -> list[Any]:
        """Read until the server closes."""
        while await self._more():
            pass
        return self.found

    async def _more(self) -> bool:
        try:
            octets = await self._reader.read(65_536)
        except ConnectionResetError:
            return False
        self.found += self._frames.read(octets)
        return bool(octets)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Peer]:
    """Connect, and greet."""
    host, _, port = address.rpartition(":")
    if host == "unix":
        reader, writer = await asyncio.open_unix_connection(port)
    else:
        reader, writer = await asyncio.open_connection(host, int(port))
    peer = Peer(reader, writer)
    peer.send(PREFACE, SettingsFrame())
    try:
        yield peer
    finally:
        writer.transport.abort()


def end_of(number: int) -> Callable[[Any], bool]:
    """Whether a frame ends a stream."""
    return lambda frame: frame.stream_id == number and "END_STREAM" in frame.flags


def goaways(found: list[Any]) -> list[tuple[int, int]]:
    """The last stream and the code of each GOAWAY."""
    return [(frame.last_stream_id, frame.error_code) for frame in found if isinstance(frame, GoAwayFrame)]
