"""Connections to the primary of a Redis, and to no other: what a replica says may be old."""

import asyncio
from collections import Counter
from typing import Any, Final

from eco2_authz.blacklist.address import Address, Host
from eco2_authz.blacklist.connection import Connection, OnLost, OnPush
from eco2_authz.errors import RedisUnavailable

CONNECT_SECONDS: Final = 1.0
"""For connecting, TLS and logging in."""
_NAME: Final = "eco2-authz"
_OLD: Final = "unknown command"


async def connect(
    address: Address, *, limit: float, on_push: OnPush | None = None, on_lost: OnLost | None = None
) -> Connection:
    """A connection to the primary, ready for commands. Raises RedisUnavailable. Its arguments are `Connection`'s."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            place = await _place(address)
            connection = await _open(address, place, Connection(limit=limit, on_push=on_push, on_lost=on_lost))
            connection.place = place if address.master else None
            try:
                await _log_in(connection, address)
            except BaseException:
                connection.abort("it was not accepted")
                raise
            return connection
    except TimeoutError:
        raise RedisUnavailable(f"Redis cannot be reached within {CONNECT_SECONDS:g} s") from None
    except OSError as error:
        raise RedisUnavailable(f"Redis cannot be reached: {error.strerror or error}") from None


async def check(connection: Connection, address: Address) -> None:
    """See that it answers and is still the primary. Raises RedisUnavailable."""
    _expect_primary(await connection.command("HELLO"))
    if connection.place is not None and await primary(address) != connection.place:
        raise RedisUnavailable("the sentinels name another primary now")


async def primary(address: Address) -> Host:
    """Where the primary is, by the word of most sentinels. Raises RedisUnavailable."""
    answers = await asyncio.gather(*(_ask(host, address) for host in address.hosts))
    votes = Counter(answer for answer in answers if answer is not None)
    for place, count in votes.most_common(1):
        if count >= address.majority:
            return place
    raise RedisUnavailable(f"fewer than {address.majority} sentinels agree on the primary of {address.master!r}")


async def _place(address: Address) -> Host | None:
    if address.master:
        return await primary(address)
    return address.hosts[0] if address.hosts else None


async def _ask(sentinel: Host, address: Address) -> Host | None:
    """What one sentinel says; None when it does not."""
    connection: Connection | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS / 2):
            connection = await _open(Address(), sentinel, Connection(limit=CONNECT_SECONDS))
            if address.password:
                await _offer_password(connection, address)
            reply = await connection.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master)
            return (reply[0].decode(), int(reply[1])) if reply else None
    except (TimeoutError, OSError, RedisUnavailable):
        return None
    finally:
        if connection is not None:
            connection.abort("it was asked")


async def _offer_password(connection: Connection, address: Address) -> None:
    """Log in at a sentinel by the password of Redis; many sentinels have none, and refuse it."""
    try:
        await connection.command("AUTH", *((address.user,) if address.user else ()), address.password)
    except RedisUnavailable:
        return


async def _open(address: Address, place: Host | None, connection: Connection) -> Connection:
    loop = asyncio.get_running_loop()
    if place is None:
        await loop.create_unix_connection(lambda: connection, address.socket)
    else:
        await loop.create_connection(lambda: connection, *place, ssl=address.tls)
    return connection


async def _log_in(connection: Connection, address: Address) -> None:
    credentials = ("AUTH", address.user or "default", address.password) if address.password else ()
    try:
        greeting = await connection.command("HELLO", 3, *credentials, "SETNAME", _NAME)
    except RedisUnavailable as error:
        if _OLD in str(error):
            raise RedisUnavailable("this Redis is too old: it has to be 6.2 or later") from None
        raise
    _expect_primary(greeting)
    if address.database:
        await connection.command("SELECT", address.database)


def _expect_primary(greeting: Any) -> None:
    """Raises RedisUnavailable unless the reply to HELLO is a primary's."""
    role = greeting.get(b"role", b"") if isinstance(greeting, dict) else b""
    if role != b"master":
        raise RedisUnavailable(f"this Redis is no primary but a {role.decode() or 'stranger'}, and may be out of date")
