"""Uploads: begun, completed, seen and deleted by their user."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy import Connection

from eco2_image import doomed, store
from eco2_image.errors import NotUploaded, QuotaExceeded, UploadRejected, UploadUnknown
from eco2_image.keys import new_raw_key
from eco2_image.media import MAX_BYTES, Media
from eco2_image.processing import KIND, Job
from eco2_image.rejection import Rejection
from eco2_image.states import Method, State, Upload
from eco2_image.storage import Storage
from eco2_image.threads import Threads
from eco2_service.database import Database
from eco2_service.loops import Loop
from eco2_service.problems import TooManyRequests, UserDeleted
from eco2_tasks.dispatch import Busy
from eco2_tasks.runner import DatabaseDown
from eco2_tasks.service import Tasks


@dataclass(frozen=True, slots=True)
class Signed:
    """A new upload, and where its bytes go.

    Args:
        headers: to be sent with a PUT, exactly so; None for a POST.
        fields: of the form of a POST, before the file; None for a PUT.
    """

    upload: Upload
    url: str
    headers: Mapping[str, str] | None
    fields: Mapping[str, str] | None


class Uploads:
    """The uploads of all users.

    Args:
        inline: there are no workers: a completion waits for its task.
        sweep: deletes what is not needed any more.
        bytes_per_user, per_day: quotas of a user.
        seconds: how long a URL holds.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        threads: Threads,
        tasks: Tasks,
        sweep: Loop,
        *,
        inline: bool,
        bytes_per_user: int,
        per_day: int,
        seconds: int,
    ) -> None:
        self._database = database
        self._storage = storage
        self._threads = threads
        self._tasks = tasks
        self._sweep = sweep
        self._inline = inline
        self._bytes_per_user = bytes_per_user
        self._per_day = per_day
        self._seconds = seconds

    async def begin(self, user_id: str, media: Media, size: int, method: Method) -> Signed:
        """Sign a URL for an upload.

        Raises:
            UserDeleted, QuotaExceeded, StorageUnavailable (there are no credentials).
            TooManyRequests: too many in a day.
        """
        key = new_raw_key()
        url, headers, fields = await self._threads.run(self._sign, key, media, size, method)

        def write(connection: Connection) -> Upload:
            if store.lock_user(connection, user_id):
                raise UserDeleted
            self._check_quotas(connection, user_id)
            return store.begin(
                connection,
                uuid.uuid4(),
                user_id=user_id,
                method=method,
                media=media,
                size=size,
                raw_key=key,
                seconds=self._seconds,
            )

        async with self._database.begin() as connection:
            upload = await connection.run_sync(write)
        return Signed(upload, url, headers, fields)

    def _sign(
        self, key: str, media: Media, size: int, method: Method
    ) -> tuple[str, Mapping[str, str] | None, Mapping[str, str] | None]:
        if method is Method.PUT:
            headers = {"Content-Type": media.value, "Content-Length": str(size)}
            return self._storage.sign_put(key, media, size), headers, None
        form = self._storage.sign_post(key, media, size)
        return form.url, None, form.fields

    def _check_quotas(self, connection: Connection, user_id: str) -> None:
        """Behind the user's lock: two requests at once cannot both take the last place."""
        wait = ceil(store.seconds_until_allowed(connection, user_id, self._per_day))
        if wait:
            raise TooManyRequests(f"{self._per_day} uploads a day are enough; wait {wait} s", retry_after=wait)
        used = store.stored_bytes(connection, user_id)
        if used + MAX_BYTES > self._bytes_per_user:
            raise QuotaExceeded(used, self._bytes_per_user)

    async def find(self, user_id: str, upload_id: uuid.UUID) -> Upload:
        """One of the user's uploads. Raises UploadUnknown."""
        async with self._database.read() as connection:
            found = await connection.run_sync(store.find, user_id, upload_id)
        if found is None:
            raise UploadUnknown
        return found

    async def page(self, user_id: str, *, before: tuple[datetime, uuid.UUID] | None, limit: int) -> list[Upload]:
        """The user's uploads, newest first."""
        async with self._database.read() as connection:
            return await connection.run_sync(lambda sync: store.page(sync, user_id, before=before, limit=limit))

    async def complete(self, user_id: str, upload_id: uuid.UUID) -> Upload:
        """Have an upload made an image; safe to repeat, also at the same time. Returns it, ready or processing.

        Raises UploadUnknown, NotUploaded, UploadRejected, StorageUnavailable.
        """
        upload = await self.find(user_id, upload_id)
        if upload.state is State.PENDING:
            if not await self._threads.run(self._storage.exists, upload.raw_key):
                raise NotUploaded
            async with self._database.begin() as connection:
                is_begun = await connection.run_sync(self._begin_processing, upload)
            if is_begun and not self._inline:
                await self._tasks.dispatch(upload_id)
            upload = await self.find(user_id, upload_id)
        if upload.state is State.PROCESSING and self._inline:
            upload = await self._processed(upload)
        if upload.state is State.REJECTED:
            raise UploadRejected(upload.reason or Rejection.FAILED)
        return upload

    def _begin_processing(self, connection: Connection, upload: Upload) -> bool:
        """Returns whether there is a task now that nobody has dispatched."""
        store.lock_user(connection, upload.user_id)
        if not store.begin_processing(connection, upload.id):
            return False
        if not doomed.hold_raw(connection, upload.raw_key):  # swept a moment ago
            store.reject(connection, upload.id, State.PROCESSING, Rejection.EXPIRED)
            return False
        payload = Job.of(upload).model_dump(mode="json")
        self._tasks.log.accept(connection, kind=KIND, user_id=upload.user_id, payload=payload, task_id=upload.id)
        return True

    async def _processed(self, upload: Upload) -> Upload:
        try:
            await self._tasks.run_here(upload.id)
        except (Busy, DatabaseDown):
            return upload  # the reaper has it done a little later
        self._sweep.wake()
        return await self.find(upload.user_id, upload.id)

    async def delete(self, user_id: str, upload_id: uuid.UUID) -> None:
        """Delete one of the user's uploads, and the image. Raises UploadUnknown."""

        def write(connection: Connection) -> bool:
            store.lock_user(connection, user_id)
            return store.delete_upload(connection, user_id, upload_id)

        async with self._database.begin() as connection:
            if not await connection.run_sync(write):
                raise UploadUnknown
        self._sweep.wake()

    async def delete_user(self, user_id: str) -> None:
        """Forget a user. Their objects are written down to be deleted; that is tried until it has succeeded."""

        def write(connection: Connection) -> None:
            store.lock_user(connection, user_id)
            self._tasks.log.delete_user(connection, user_id)
            store.delete_user(connection, user_id)

        async with self._database.begin() as connection:
            await connection.run_sync(write)
        self._sweep.wake()
