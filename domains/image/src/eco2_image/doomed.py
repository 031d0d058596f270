"""The statements about objects that have to go.

The rule by which nothing is left behind, wherever a process is killed: **a key is in this table before anything can be
written under it**, and an image's leaves it only in the transaction that makes it an upload's. What a client uploads
is doomed from the moment its URL is given away; a task only has that put off. So whatever lies in the bucket is either
the image of an upload that is ready, or written down here, to be deleted until that has succeeded.

All functions take a synchronous connection in a transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from eco2_image.tables import doomed_objects

GRACE_SECONDS: Final = 3600
"""After a URL has ended: an upload that began in time may still run. As long an attempt may take to make an image: a
worker that stands still for longer and then writes leaves an object that nobody knows."""
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 600.0


def add_raw(connection: Connection, key: str, *, seconds: int) -> None:
    """A client may write this object for so many seconds."""
    late = func.now() + timedelta(seconds=seconds + GRACE_SECONDS)
    connection.execute(insert(doomed_objects).values(key=key, due_at=late, until=late))


def hold_raw(connection: Connection, key: str) -> bool:
    """A task needs what was uploaded. False: its deletion has begun."""
    held = update(doomed_objects).where(doomed_objects.c.key == key, doomed_objects.c.attempts == 0)
    return connection.execute(held.values(due_at=None)).rowcount == 1


def release_raw(connection: Connection, keys: Collection[str]) -> None:
    """Nobody needs any more what was uploaded. What is not in the table is gone already."""
    if keys:
        released = update(doomed_objects).where(doomed_objects.c.key.in_(keys))
        connection.execute(released.values(due_at=func.now()))


def add_attempt(connection: Connection, key: str) -> None:
    """An image is going to be written, and may be forgotten there."""
    late = func.now() + timedelta(seconds=GRACE_SECONDS)
    connection.execute(insert(doomed_objects).values(key=key, due_at=late, until=late))


def keep(connection: Connection, key: str) -> bool:
    """The image is an upload's now. False: it took too long, and the deletion has begun."""
    kept = delete(doomed_objects).where(doomed_objects.c.key == key, doomed_objects.c.attempts == 0)
    return connection.execute(kept).rowcount == 1


def add_images(connection: Connection, keys: Sequence[str]) -> None:
    """Nobody needs these images any more, and nobody writes them again."""
    if keys:
        rows = [{"key": key, "due_at": func.now(), "until": func.now()} for key in keys]
        connection.execute(insert(doomed_objects).values(rows).on_conflict_do_nothing())


def take_due(connection: Connection, *, limit: int) -> list[str]:
    """The keys that are due, for this process alone. When it does nothing about them, they are due again later."""
    due = (
        select(doomed_objects.c.key)
        .where(doomed_objects.c.due_at <= func.now())
        .order_by(doomed_objects.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    pause = func.least(LONGEST_PAUSE, FIRST_PAUSE * func.power(2, func.least(doomed_objects.c.attempts, 20)))
    taken = (
        update(doomed_objects)
        .where(doomed_objects.c.key.in_(due.cte("due").select()))
        .values(attempts=doomed_objects.c.attempts + 1, due_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, pause))
        .returning(doomed_objects.c.key)
    )
    return list(connection.execute(taken).scalars())


def settle(connection: Connection, keys: Collection[str]) -> None:
    """These objects are deleted. What may be written again is deleted again when that is over."""
    mine = doomed_objects.c.key.in_(keys)
    connection.execute(delete(doomed_objects).where(mine, doomed_objects.c.until <= func.now()))
    connection.execute(update(doomed_objects).where(mine).values(due_at=doomed_objects.c.until))
