"""The statements about uploads.

All functions take a synchronous connection in a transaction: the worker has one, and the service says
``await connection.run_sync(store.function, ...)``. All moments are of the database's clock. Who takes several locks
takes them in this order: the user's, tasks, uploads, objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, case, delete, exists, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from eco2_image import doomed
from eco2_image.media import MAX_BYTES, Media
from eco2_image.rejection import Rejection
from eco2_image.states import Method, Picture, State, Upload
from eco2_image.tables import deleted_users, tasks, uploads
from eco2_service.locks import wait_for_lock

KEEP_DAYS: Final = 7
"""How long one can still see why an upload was rejected."""
_DELETED: Final = "deleted"
_STORED: Final = case((uploads.c.state == State.READY, uploads.c.size), else_=MAX_BYTES)
"""What an upload takes of its user's space. Not what was declared: an image may be larger than the file it was made of,
and it must not be that which has no room in the end."""


def lock_user(connection: Connection, user_id: str) -> bool:
    """Have a user's changes one after the other until this transaction ends. Returns whether the user was deleted."""
    connection.execute(wait_for_lock("image", user_id))
    # A statement of its own: the lock's own statement would see what was there before it waited.
    return bool(connection.execute(select(exists().where(deleted_users.c.user_id == user_id))).scalar_one())


def stored_bytes(connection: Connection, user_id: str) -> int:
    """What a user's uploads take, as long as they are not rejected or deleted."""
    takes = select(func.coalesce(func.sum(_STORED), 0)).where(
        uploads.c.user_id == user_id, uploads.c.state.in_((State.PENDING, State.PROCESSING, State.READY))
    )
    return int(connection.execute(takes).scalar_one())


def seconds_until_allowed(connection: Connection, user_id: str, per_day: int) -> float:
    """Until a user may begin an upload again; 0 when they may now."""
    day = timedelta(days=1)
    begun = select(uploads.c.created_at).where(uploads.c.user_id == user_id).order_by(uploads.c.created_at.desc())
    oldest_that_counts = begun.offset(per_day - 1).limit(1).scalar_subquery()
    seconds = func.extract("epoch", oldest_that_counts + day - func.clock_timestamp())
    return float(connection.execute(select(func.greatest(func.coalesce(seconds, 0), 0))).scalar_one())


def begin(
    connection: Connection,
    upload_id: UUID,
    *,
    user_id: str,
    method: Method,
    media: Media,
    size: int,
    raw_key: str,
    seconds: int,
) -> Upload:
    """Write a new upload down, and that what is uploaded has to go whatever becomes of it."""
    values = {
        "id": upload_id,
        "user_id": user_id,
        "method": method,
        "content_type": media,
        "declared_size": size,
        "raw_key": raw_key,
        # Not now(): that is when the transaction began, before it waited for the user's lock.
        "created_at": func.clock_timestamp(),
        "expires_at": func.clock_timestamp() + timedelta(seconds=seconds),
    }
    row = connection.execute(insert(uploads).values(values).returning(uploads)).mappings().one()
    doomed.add_raw(connection, raw_key, seconds=seconds)
    return _upload(row)


def find(connection: Connection, user_id: str, upload_id: UUID) -> Upload | None:
    """A user's upload."""
    return _one(connection, uploads.c.id == upload_id, user_id)


def find_by_key(connection: Connection, user_id: str, key: str) -> Upload | None:
    """The upload that became the image of a key, if it is the user's."""
    return _one(connection, uploads.c.key == key, user_id)


def _one(connection: Connection, condition: Any, user_id: str) -> Upload | None:
    wanted = select(uploads).where(condition, uploads.c.user_id == user_id, uploads.c.state != _DELETED)
    row = connection.execute(wanted).mappings().one_or_none()
    return None if row is None else _upload(row)


def page(connection: Connection, user_id: str, *, before: tuple[datetime, UUID] | None, limit: int) -> list[Upload]:
    """A user's uploads, newest first.

    Args:
        before: time and id of the last one that is known.
    """
    key = tuple_(uploads.c.created_at, uploads.c.id)
    wanted = select(uploads).where(uploads.c.user_id == user_id, uploads.c.state != _DELETED)
    if before is not None:
        wanted = wanted.where(key < before)
    wanted = wanted.order_by(uploads.c.created_at.desc(), uploads.c.id.desc()).limit(limit)
    return [_upload(row) for row in connection.execute(wanted).mappings()]


def begin_processing(connection: Connection, upload_id: UUID) -> bool:
    """Let a pending upload be processed. False: it is not pending any more."""
    return _end(connection, upload_id, State.PENDING, state=State.PROCESSING)


def make_ready(connection: Connection, upload_id: UUID, picture: Picture) -> bool:
    """Say what an upload has become. False: it was deleted meanwhile."""
    values = {
        "key": picture.key,
        "size": picture.size,
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
    }
    return _end(
        connection, upload_id, State.PROCESSING, state=State.READY, finished_at=func.now(), reason=None, **values
    )


def reject(connection: Connection, upload_id: UUID, state: State, reason: Rejection) -> bool:
    """Say why an upload will be no image. False: it is not in this state any more."""
    return _end(connection, upload_id, state, state=State.REJECTED, finished_at=func.now(), reason=reason)


def _end(connection: Connection, upload_id: UUID, expected: State, **values: object) -> bool:
    changed = update(uploads).where(uploads.c.id == upload_id, uploads.c.state == expected).values(values)
    return connection.execute(changed).rowcount == 1


def delete_upload(connection: Connection, user_id: str, upload_id: UUID) -> bool:
    """Delete a user's upload, and have its objects deleted. False: there is none. Behind the user's lock."""
    known = (uploads.c.id == upload_id) & (uploads.c.user_id == user_id) & (uploads.c.state != _DELETED)
    row = connection.execute(select(uploads.c.raw_key, uploads.c.key).where(known).with_for_update()).one_or_none()
    if row is None:
        return False
    emptied = {"key": None, "size": None, "sha256": None, "width": None, "height": None}
    connection.execute(
        update(uploads).where(uploads.c.id == upload_id).values(state=_DELETED, finished_at=func.now(), **emptied)
    )
    _doom(connection, [row.raw_key], [row.key])
    return True


def delete_user(connection: Connection, user_id: str) -> None:
    """Forget all of a user but that they were deleted, and have their objects deleted. Behind the user's lock."""
    connection.execute(insert(deleted_users).values(user_id=user_id).on_conflict_do_nothing())
    gone = delete(uploads).where(uploads.c.user_id == user_id).returning(uploads.c.raw_key, uploads.c.key)
    rows = connection.execute(gone).all()
    _doom(connection, [row.raw_key for row in rows], [row.key for row in rows])


def _doom(connection: Connection, raw_keys: list[str], keys: list[str | None]) -> None:
    doomed.release_raw(connection, raw_keys)
    doomed.add_images(connection, [key for key in keys if key is not None])


def expire(connection: Connection, *, seconds: float, limit: int) -> int:
    """Reject uploads that nobody completed so long after their URL ended. Returns how many. Others are left alone."""
    late = uploads.c.expires_at < func.now() - timedelta(seconds=seconds)
    return _reject_some(connection, State.PENDING, late, Rejection.EXPIRED, limit)


def give_up_lost(connection: Connection, *, limit: int) -> int:
    """Reject uploads whose task is over, or gone, without a word about them. Returns how many."""
    at_work = exists(literal(1)).where(tasks.c.id == uploads.c.id, tasks.c.finished_at.is_(None))
    return _reject_some(connection, State.PROCESSING, ~at_work, Rejection.FAILED, limit)


def _reject_some(connection: Connection, state: State, condition: Any, reason: Rejection, limit: int) -> int:
    some = select(uploads.c.id).where(uploads.c.state == state, condition).limit(limit)
    some = some.with_for_update(skip_locked=True)
    changed = (
        update(uploads)
        .where(uploads.c.id.in_(some.cte("some").select()))
        .values(state=State.REJECTED, finished_at=func.now(), reason=reason)
        .returning(uploads.c.raw_key)
    )
    raw_keys = list(connection.execute(changed).scalars())
    doomed.release_raw(connection, raw_keys)
    return len(raw_keys)


def forget_ended(connection: Connection, *, limit: int) -> int:
    """Delete what is left of uploads that were rejected or deleted a while ago. Returns how many."""
    old = select(uploads.c.id).where(
        uploads.c.state.in_((State.REJECTED, _DELETED)),
        uploads.c.finished_at < func.now() - timedelta(days=KEEP_DAYS),
    )
    some = old.limit(limit).with_for_update(skip_locked=True)
    return connection.execute(delete(uploads).where(uploads.c.id.in_(some.cte("old").select()))).rowcount


def _upload(row: RowMapping | Mapping[str, Any]) -> Upload:
    picture = None
    if row["key"] is not None:
        picture = Picture(row["key"], row["size"], row["sha256"], row["width"], row["height"])
    return Upload(
        id=row["id"],
        user_id=row["user_id"],
        state=State(row["state"]),
        method=Method(row["method"]),
        media=Media(row["content_type"]),
        declared_size=row["declared_size"],
        raw_key=row["raw_key"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        reason=None if row["reason"] is None else Rejection(row["reason"]),
        picture=picture,
    )
