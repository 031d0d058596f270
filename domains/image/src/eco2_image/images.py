"""Images that are ready, for other domains."""

from __future__ import annotations

import uuid

import structlog

from eco2_image import store
from eco2_image.cdn import Addresses
from eco2_image.errors import ImageNotReady, ImageUnknown
from eco2_image.media import MAX_BYTES
from eco2_image.states import Picture, State, Upload
from eco2_image.storage import Storage
from eco2_image.threads import Threads
from eco2_service.database import Database

log = structlog.get_logger("eco2.image.images")


class Images:
    """The images of all users."""

    def __init__(self, database: Database, storage: Storage, threads: Threads, addresses: Addresses) -> None:
        self._database = database
        self._storage = storage
        self._threads = threads
        self._addresses = addresses

    async def find(self, user_id: str, image_id: uuid.UUID) -> tuple[Upload, Picture]:
        """A user's image. Raises ImageUnknown, ImageNotReady."""
        async with self._database.read() as connection:
            upload = await connection.run_sync(store.find, user_id, image_id)
        return _ready(upload)

    async def find_by_url(self, user_id: str, url: str) -> tuple[Upload, Picture]:
        """A user's image by any spelling of its address, which is not fetched. Raises ImageUnknown."""
        key = self._addresses.key(url)
        if key is None:
            raise ImageUnknown
        async with self._database.read() as connection:
            upload = await connection.run_sync(store.find_by_key, user_id, key)
        return _ready(upload)

    async def content(self, picture: Picture) -> bytes:
        """Its bytes. Raises ImageUnknown when somebody has deleted them behind our back, and StorageUnavailable."""
        stored = await self._threads.run(self._storage.read, picture.key, limit=MAX_BYTES)
        if stored is None or stored.data is None:
            log.error("image is not in the storage", key=picture.key)
            raise ImageUnknown
        return stored.data


def _ready(upload: Upload | None) -> tuple[Upload, Picture]:
    if upload is None:
        raise ImageUnknown
    if upload.state is not State.READY or upload.picture is None:
        raise ImageNotReady(upload.state, upload.reason)
    return upload, upload.picture
