"""HTTP/2 in the clear on asyncio's transports: sockets, timers and draining around `http2.Connection`."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Final, cast

from eco2_authz.http2.application import Application, Response
from eco2_authz.http2.connection import Connection
from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.memory import Buffered
from eco2_authz.protocol import health
from eco2_authz.rpc.status import Status, failure
from eco2_authz.rpc.unary import Method, Outcome, UnaryMethods
from eco2_authz.transports import addresses
from eco2_authz.transports.server import CHECK, HEALTH, Answer, Options

_TICK: Final = 1.0
"""Seconds between two looks for peers that are too slow."""
_NOTICE: Final = 0.1
"""Seconds from "begin no more calls" to "I take no more": callers need a round trip to read it."""
_LINGER: Final = 1.0
"""Seconds a peer has to close after we have said all. If we closed first, what it has just sent would be answered with
a reset of the connection, and that can take the last answers from it before it has read them."""

_MUCH: Final = 131_072
"""Octets that arrive at once after which the others have their turn; libuv would first read up to 32 times as many."""


async def serve(answer: Answer, options: Options) -> "FastServer":
    """Listen and answer. Raises OSError when the address cannot be had."""
    listener = addresses.bind(options.address, shared=options.shared)
    server = FastServer(answer, options, addresses.written(listener))
    await server.start(listener)
    return server


class FastServer:
    """A server of unary gRPC calls."""

    def __init__(self, answer: Answer, options: Options, address: str) -> None:
        self.limits = options.limits
        self.on_fault = options.on_fault
        self.buffered = Buffered(options.limits.buffered)
        self.peers: set[_Peer] = set()
        self.application: Application = UnaryMethods(
            {
                CHECK: Method(answer, too_large=options.too_large, broken=options.broken),
                HEALTH: Method(self._health),
            }
        )
        self._address = address
        self._serving = False
        self._empty = asyncio.Event()

    async def start(self, listener: socket.socket) -> None:
        """Take connections on a socket that listens."""
        loop = asyncio.get_running_loop()
        create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        self._server: asyncio.Server = await create(lambda: _Peer(self, loop), sock=listener)
        self._tick(loop)

    @property
    def address(self) -> str:
        """Where it listens."""
        return self._address

    @property
    def connections(self) -> int:
        """How many peers are connected."""
        return len(self.peers)

    async def set_serving(self, serving: bool) -> None:
        """What the health method says."""
        self._serving = serving

    async def drain(self, seconds: float) -> None:
        """Take no new connections, let callers go elsewhere, answer what is begun, and end; in at most so long."""
        self._serving = False
        self._server.close()
        addresses.release(self._address)
        for peer in list(self.peers):
            peer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(_NOTICE)
                for peer in list(self.peers):
                    peer.finish()
                if self.peers:
                    self._empty.clear()
                    await self._empty.wait()
        for peer in list(self.peers):
            peer.abort()
        self._ticker.cancel()

    def forget(self, peer: "_Peer") -> None:
        """A peer is gone."""
        self.peers.discard(peer)
        if not self.peers:
            self._empty.set()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticker: asyncio.TimerHandle = loop.call_later(_TICK, self._tick, loop)
        now = monotonic()
        unread = sum([peer.tick(now) for peer in list(self.peers)])
        if unread > self.limits.buffered:
            self._make_room(unread)

    def _make_room(self, unread: int) -> None:
        """Close those who have left most unread: each may be within its own bound, and all together too much."""
        for peer in sorted(self.peers, key=lambda peer: peer.unread, reverse=True):
            if unread <= self.limits.buffered:
                break
            unread -= peer.unread
            peer.abort()

    def _health(self, message: bytes) -> Outcome:
        try:
            service = health.service(message)
        except ValueError as error:
            return failure(Status.INVALID_ARGUMENT, str(error))
        if service is None:
            return failure(Status.NOT_FOUND, "no such service here")
        return health.status(serving=self._serving)


class _Peer(asyncio.Protocol):
    """One connection: reads into `Connection`, writes what it says."""

    __slots__ = (
        "_connection",
        "_finished",
        "_finishing",
        "_flushing",
        "_loop",
        "_moved",
        "_paused",
        "_read",
        "_server",
        "_transport",
        "_written",
    )

    def __init__(self, server: FastServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._written = 0
        self._read = 0
        """Of what is written, what had left us when we last looked."""
        self._moved = 0.0
        """When that was more than the time before, or all."""
        self._paused = False
        self._flushing = False
        self._finishing = False
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer connected."""
        self._transport = cast(asyncio.Transport, transport)
        server = self._server
        self._connection = Connection(
            server.application, server.limits, later=self._later, clock=monotonic, buffered=server.buffered
        )
        if len(server.peers) >= server.limits.connections:
            self._connection.end(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many connections"))
        server.peers.add(self)
        self._transport.set_write_buffer_limits(high=server.limits.unread)
        self._write()

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        if not self._finished:  # else they are calls that the peer knows nobody works on
            self._connection.receive(data)
            self._write()
        if len(data) > _MUCH and not self._paused and not self._transport.is_closing():
            self._transport.pause_reading()
            self._loop.call_soon(self._read_on)

    def connection_lost(self, _: Exception | None) -> None:
        """The peer is gone."""
        self._server.forget(self)
        self._connection.gone()
        del self._connection  # it knows `_later`, and so us: neither is to wait for the garbage collector

    def pause_writing(self) -> None:
        """The peer does not read: take nothing more from it."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._paused = False
        self._read_on()

    def _read_on(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def unread(self) -> int:
        """Octets that the peer has not read, beyond what its and our system hold."""
        return self._transport.get_write_buffer_size()

    def tick(self, now: float) -> int:
        """Look for what takes too long; how much is unread."""
        unread = self.unread
        read = self._written - unread
        if read != self._read or not (unread or self._finished):
            self._read, self._moved = read, now
        elif now - self._moved > (self._server.limits.stalled if unread else _LINGER):
            self.abort()
            return 0
        self._connection.tick()
        self._write()
        return unread

    def drain(self) -> None:
        """Ask for no more calls."""
        self._connection.drain()
        self._write()

    def finish(self) -> None:
        """Take no more calls, and close when the last is answered."""
        self._finishing = True
        self._connection.close()
        self._write()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    def _later(self, outcome: Awaitable[Response], answered: Callable[[Response], None]) -> Callable[[], object]:
        task = asyncio.ensure_future(outcome)

        def done(task: asyncio.Future[Response]) -> None:
            if not task.cancelled():
                answered(task.result())
                self._flush_soon()

        task.add_done_callback(done)
        # Not at once: a task that never began leaves behind what it would have waited for, with a warning.
        return lambda: self._loop.call_soon(task.cancel)

    def _flush_soon(self) -> None:
        """Write after everything else that became ready at the same time: one write for many answers."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._write()

    def _write(self) -> None:
        transport = self._transport
        if self._finished or transport.is_closing():
            return
        data = self._connection.take()
        if data:
            transport.write(data)
            self._written += len(data)
        if self._connection.fault is not None:
            self._server.on_fault(self._connection.fault.code)
            transport.close()
        elif self._finishing and not self._connection.unanswered:
            self._finished = True
            transport.write_eof()
