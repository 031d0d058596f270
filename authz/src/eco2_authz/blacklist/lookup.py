"""The blacklist that asks Redis about each request."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from eco2_authz.backoff import Backoff
from eco2_authz.blacklist import primary
from eco2_authz.blacklist.address import Address
from eco2_authz.blacklist.blacklist import PREFIX
from eco2_authz.blacklist.connection import Connection
from eco2_authz.errors import RedisUnavailable

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 1.0
"""Between two looks at a connection: whether it answers, and whether it is still the primary's."""
RETRY_SECONDS: Final = 0.025
RETRY_CAP_SECONDS: Final = 0.25
MOST_WAITING: Final = 20_000
"""Questions on their way at the same time; more are not asked. A silent Redis holds some 5 MB of them."""

_PREFIX: Final = PREFIX.encode()


class Lookup:
    """Asks whether the key exists. One connection is used, the others are in reserve: batches are then the largest.

    Args:
        limit: seconds an answer may take.
        random: a number from 0 to 1, for the pauses between attempts to connect.
    """

    entries = 0

    def __init__(self, address: Address, *, connections: int, limit: float, random: Callable[[], float]) -> None:
        self._address = address
        self._connections = connections
        self._limit = limit
        self._random = random
        self._open: list[Connection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._why = "Redis is not connected yet"

    @property
    def ready(self) -> bool:
        """Whether a connection is open."""
        return bool(self._open)

    def revoked(self, jti: str, _at: float) -> "asyncio.Future[int]":
        """Ask. Raises RedisUnavailable at once while there is no connection."""
        if not self._open:
            raise RedisUnavailable(self._why)
        connection = self._open[0]
        if connection.outstanding >= MOST_WAITING:
            raise RedisUnavailable("too many questions to Redis are on their way")
        key = _PREFIX + jti.encode()
        return connection.send(b"*2\r\n$6\r\nEXISTS\r\n$%d\r\n%b\r\n" % (len(key), key))

    async def start(self) -> None:
        """Connect, and stay so."""
        self._tasks = [asyncio.create_task(self._keep(), name="redis") for _ in range(self._connections)]

    async def stop(self) -> None:
        """Disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._open.clear()

    async def _keep(self) -> None:
        """Have one connection, always."""
        backoff = Backoff(first=RETRY_SECONDS, cap=RETRY_CAP_SECONDS, random=self._random)
        while True:
            await asyncio.sleep(backoff.pause())
            try:
                await self._use(backoff)
            except RedisUnavailable as error:
                self._lost(str(error))
            except Exception:  # whatever it is, it has to be tried again
                log.exception("connecting to the blacklist went wrong")
                self._lost("connecting to the blacklist went wrong")

    async def _use(self, backoff: Backoff) -> None:
        """Have a connection until it is lost. Raises RedisUnavailable."""
        connection = await self._connect()
        try:
            backoff.reset()
            self._joined(connection)
            await self._watch(connection)
        finally:
            self._left(connection)
            connection.abort("it is not used any more")

    async def _connect(self) -> Connection:
        connection = await primary.connect(self._address, limit=self._limit, on_lost=self._left)
        try:
            await connection.command("EXISTS", PREFIX)  # it may be loading its data, or not allow it
        except BaseException:
            connection.abort("it was not accepted")
            raise
        return connection

    async def _watch(self, connection: Connection) -> None:
        """Look at it now and then. Raises RedisUnavailable when it is lost."""
        while True:
            await asyncio.wait((connection.closed,), timeout=CHECK_SECONDS)
            if connection.closed.done():
                raise RedisUnavailable(connection.closed.result())
            await primary.check(connection, self._address)

    def _joined(self, connection: Connection) -> None:
        if not self._open:
            log.info("the blacklist answers")
            self._why = ""
        self._open.append(connection)

    def _left(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)

    def _lost(self, why: str) -> None:
        if not self._open and why != self._why:
            log.error("the blacklist does not answer: requests with a token are refused", extra={"cause": why})
            self._why = why
