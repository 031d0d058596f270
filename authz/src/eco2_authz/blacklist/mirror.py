"""The blacklist as a copy in memory, kept by pub/sub.

It is trusted only from a complete reading of Redis on, and only while messages provably arrive: a message that was
lost is an accepted revoked token.
"""

import asyncio
import logging
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Any, Final

from eco2_authz.backoff import Backoff
from eco2_authz.blacklist import primary
from eco2_authz.blacklist.address import Address
from eco2_authz.blacklist.blacklist import CHANNEL, PREFIX
from eco2_authz.blacklist.connection import Connection
from eco2_authz.blacklist.revocations import LONGEST_ID, Full, Revocations
from eco2_authz.errors import RedisUnavailable

log = logging.getLogger(__name__)

CHECKS: Final = 4
"""Looks at the connection within the time for which the copy is trusted."""
RETRY_SECONDS: Final = 0.025
RETRY_CAP_SECONDS: Final = 0.25
FULL_SECONDS: Final = 5.0
"""Until the next attempt when there was no room for all."""
SCAN_COUNT: Final = 250
"""Keys at a time: reading their ends takes a millisecond of the loop."""
SWEEP_SECONDS: Final = 1.0
SWEEP_COUNT: Final = 2_000
"""Forgotten at a time: a millisecond."""

UNKNOWN_SECONDS: Final = 86_400.0
"""How long a revocation is kept whose end cannot be learnt, since there is no key: longer than access tokens live. One
that was published when its token had long expired has none either, and must not stay for good."""

_NO_ROOM: Final = "there are more revocations than AUTHZ_MIRROR_ENTRIES allows; raise it"
_PREFIX: Final = PREFIX.encode()
_NO_END, _NO_KEY = -1, -2  # replies of PTTL


class Mirror:
    """Every revocation Redis holds, and those of the messages since.

    Args:
        limit: how many revocations fit; with more in Redis nothing is trusted.
        trusted: seconds after which the copy is not trusted unless Redis has answered.
        on_revoked: called with the id of each token that is newly revoked.
        random: a number from 0 to 1, for the pauses between attempts to connect.
    """

    def __init__(
        self,
        address: Address,
        *,
        limit: int,
        trusted: float,
        on_revoked: Callable[[str], None],
        random: Callable[[], float],
    ) -> None:
        self._address = address
        self._trusted = trusted
        self._on_revoked = on_revoked
        self._random = random
        self._revocations = Revocations(limit)
        self._expiries = self._revocations.expiries
        self._until = 0.0
        self._full = False
        self._tasks: list[asyncio.Task[None]] = []
        self._connection: Connection | None = None
        self._why = "the blacklist was not read yet"
        self._reported = ""

    @property
    def ready(self) -> bool:
        """Whether the copy is complete at this moment."""
        return perf_counter() < self._until

    @property
    def entries(self) -> int:
        """Revocations held."""
        return len(self._revocations)

    def revoked(self, jti: str, at: float) -> bool:
        """Whether the token is revoked. Raises RedisUnavailable when it is not known to be, and may be nevertheless."""
        if jti in self._expiries:
            return True
        if at < self._until:
            return False
        raise RedisUnavailable(self._why or "the blacklist may be out of date: Redis is silent")

    async def start(self) -> None:
        """Read all of it, and stay informed."""
        self._tasks = [
            asyncio.create_task(self._keep(), name="mirror"),
            asyncio.create_task(self._sweep(), name="mirror sweep"),
        ]

    async def stop(self) -> None:
        """Disconnect; nothing is trusted any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._distrust("the server is stopping")

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        backoff = Backoff(first=RETRY_SECONDS, cap=RETRY_CAP_SECONDS, random=self._random)
        while True:
            await asyncio.sleep(FULL_SECONDS if self._full else backoff.pause())
            try:
                await self._follow(backoff)
            except RedisUnavailable as error:
                self._lost(str(error))
            except Full:
                self._full = True
                self._lost(_NO_ROOM)
            except Exception:  # whatever it is, it has to be tried again
                log.exception("following the blacklist went wrong")
                self._lost("following the blacklist went wrong")

    async def _follow(self, backoff: Backoff) -> None:
        """Have a connection and know all, until it is lost. Raises RedisUnavailable, Full."""
        self._full = False
        connection = await primary.connect(self._address, limit=self._trusted, on_push=self._pushed, on_lost=self._left)
        self._connection = connection
        try:
            await connection.command("SUBSCRIBE", CHANNEL)  # first: what is revoked from now on comes as a message
            await self._read(connection)
            await self._confirm(connection)
            backoff.reset()
            self._reported = ""
            log.info("the blacklist is complete", extra={"entries": len(self._revocations)})
            while True:
                await asyncio.wait((connection.closed,), timeout=self._trusted / CHECKS)
                await self._confirm(connection)
        finally:
            self._connection = None
            connection.abort("it is not used any more")

    async def _read(self, connection: Connection) -> None:
        """Read every revocation. Nothing is forgotten: Redis may have lost what was revoked and has not expired."""
        cursor = b"0"
        while True:
            cursor, keys = await connection.command("SCAN", cursor, "MATCH", f"{PREFIX}*", "COUNT", SCAN_COUNT)
            ends = await asyncio.gather(*(connection.command("PTTL", key) for key in keys))
            for key, end in zip(keys, ends, strict=True):
                jti = _jti(key.removeprefix(_PREFIX))
                if jti is not None and end != _NO_KEY:
                    self._add(jti)
                    self._revocations.end(jti, _expiry(end))
            if cursor == b"0":
                return

    async def _confirm(self, connection: Connection) -> None:
        """See that Redis answers: every message from before the question has then arrived."""
        asked = perf_counter()
        await primary.check(connection, self._address)
        if self._full:
            raise Full
        if connection.closed.done():
            raise RedisUnavailable(connection.closed.result())
        self._until = asked + self._trusted
        self._why = ""

    # -- messages ----------------------------------------------------------------------------------------------------

    def _pushed(self, message: list[Any]) -> None:
        """A token was revoked: at once until further notice, and then until its key expires."""
        if message[0] != b"message" or self._connection is None:
            return
        jti = _jti(message[2])
        if jti is None:
            return
        try:
            self._add(jti)
        except Full:  # it cannot be remembered, so from here on nothing may be trusted
            self._full = True
            self._distrust(_NO_ROOM)
            self._connection.abort(_NO_ROOM)
            return
        end = self._connection.command("PTTL", PREFIX + jti)
        end.add_done_callback(lambda end: self._learnt(jti, end))

    def _learnt(self, jti: str, end: "asyncio.Future[int]") -> None:
        """When a revocation ends. Without a key, or when the connection is lost, that is not known."""
        known = not end.cancelled() and end.exception() is None and end.result() != _NO_KEY
        self._revocations.end(jti, _expiry(end.result()) if known else perf_counter() + UNKNOWN_SECONDS)

    def _add(self, jti: str) -> None:
        if self._revocations.add(jti):
            self._on_revoked(jti)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _left(self, connection: Connection) -> None:
        if connection is self._connection:
            self._distrust(connection.closed.result())

    def _distrust(self, why: str) -> None:
        self._until = 0.0
        self._why = why

    def _lost(self, why: str) -> None:
        self._distrust(why)
        if why != self._reported:
            log.error("the blacklist is not to be trusted: requests with a token are refused", extra={"cause": why})
            self._reported = why

    async def _sweep(self) -> None:
        while True:
            more = self._revocations.sweep(perf_counter(), SWEEP_COUNT)
            await asyncio.sleep(0 if more else SWEEP_SECONDS)


def _jti(octets: bytes) -> str | None:
    """A token's id; None for what cannot be one."""
    try:
        return octets.decode() if 0 < len(octets) <= LONGEST_ID else None
    except UnicodeDecodeError:
        return None


def _expiry(end: int) -> float:
    """When it ends, by the reply of PTTL in milliseconds."""
    return inf if end == _NO_END else perf_counter() + end / 1000
