"""One connection to Redis (RESP3): many commands on their way, replies in their order, messages in between.

A call of redis-py costs 55 us of CPU, its pipelines 11 us a command; this costs 2 (tests/bench/authz/lookups.py):
commands of one loop iteration leave in one write, `hiredis` reads the replies, and each wakes the one who asked.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from hiredis import ProtocolError, PushNotification, Reader, ReplyError, pack_command

from eco2_authz.blacklist.address import Host
from eco2_authz.errors import RedisUnavailable

Reply = Any
OnPush = Callable[[list[Any]], None]
OnLost = Callable[["Connection"], None]

_CHECKS: Final = 4
"""How many times within the time limit a connection is looked at: an answer may take a quarter longer than that."""
_NOTHING: Final = object()
_SUBSCRIBED: Final = b"subscribe"


class Connection(asyncio.Protocol):
    """A connection that is open.

    Args:
        limit: seconds an answer may take. After that the connection is given up, and all who wait on it are told.
        on_push: takes what was not asked for, such as ``[b"message", channel, payload]``.
        on_lost: called at once when it is gone.
    """

    __slots__ = (
        "_checking",
        "_earlier",
        "_interval",
        "_limit",
        "_loop",
        "_on_lost",
        "_on_push",
        "_outgoing",
        "_reader",
        "_sent",
        "_transport",
        "_waiting",
        "_why",
        "closed",
        "place",
    )

    def __init__(self, *, limit: float, on_push: OnPush | None = None, on_lost: OnLost | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        """Done with the reason when the connection is gone."""
        self.place: Host | None = None
        """Where it leads, when sentinels have said so."""
        self._limit = limit
        self._interval = limit / _CHECKS
        self._on_push = on_push
        self._on_lost = on_lost
        self._reader = Reader(notEnoughData=_NOTHING)
        self._outgoing: list[bytes] = []
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._sent = 0
        self._earlier: deque[int] = deque(maxlen=_CHECKS)
        """How many commands had been sent at the last checks."""
        self._checking = False
        self._why = "Redis has closed the connection"

    # -- asyncio.Protocol --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Commands may be sent."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Replies, messages, or parts of them."""
        reader = self._reader
        reader.feed(data)
        gets = reader.gets
        try:
            while (reply := gets()) is not _NOTHING:
                if reply.__class__ is PushNotification:
                    self._pushed(reply)
                else:
                    self._reply(reply)
        except (ProtocolError, IndexError):
            self.abort("Redis has sent what is no answer")

    def connection_lost(self, error: Exception | None) -> None:
        """Tell everybody who waits."""
        if error is not None:
            self._why = f"the connection to Redis was lost: {error}"
        self.closed.set_result(self._why)
        if self._on_lost is not None:
            self._on_lost(self)
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_exception(RedisUnavailable(self._why))

    # -- commands ----------------------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        """Commands without an answer yet."""
        return len(self._waiting)

    def command(self, *parts: str | int | bytes) -> "asyncio.Future[Reply]":
        """Send a command; the reply comes by the future. An error reply, or none in time, raises RedisUnavailable."""
        return self.send(pack_command(parts))  # type: ignore[arg-type]  # its stub means a tuple of one

    def send(self, packed: bytes) -> "asyncio.Future[Reply]":
        """The same for a command that is written out."""
        future = self._loop.create_future()
        if self.closed.done():
            future.set_exception(RedisUnavailable(self._why))
            return future
        outgoing = self._outgoing
        if not outgoing:
            self._loop.call_soon(self._flush)
        outgoing.append(packed)
        self._waiting.append(future)
        return future

    def abort(self, why: str) -> None:
        """Give the connection up."""
        self._why = why
        self._transport.abort()

    def _flush(self) -> None:
        self._sent += len(self._outgoing)
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if not self._transport.is_closing():
            self._transport.write(data)
        if not self._checking:
            self._checking = True
            self._earlier.clear()
            self._loop.call_later(self._interval, self._check)

    def _check(self) -> None:
        """Give up when what had been asked before all of the last checks is not answered."""
        earlier = self._earlier
        if not self._waiting:
            self._checking = False
        elif len(earlier) == _CHECKS and self._sent + len(self._outgoing) - len(self._waiting) < earlier[0]:
            self._checking = False
            self.abort(f"Redis has not answered within {self._limit * 1000:.0f} ms")
        else:
            earlier.append(self._sent)
            self._loop.call_later(self._interval, self._check)

    def _reply(self, reply: Reply) -> None:
        future = self._waiting.popleft()
        if future.done():  # whoever asked has gone away
            return
        if reply.__class__ is ReplyError:
            future.set_exception(RedisUnavailable(f"Redis refuses: {reply}"))
        else:
            future.set_result(reply)

    def _pushed(self, message: list[Any]) -> None:
        if message[0] == _SUBSCRIBED:  # the only reply that comes as a message
            self._reply(message)
        elif self._on_push is not None:
            self._on_push(message)
