"""What nobody asks for and has to be done: late uploads end, and objects that nobody needs go."""

from __future__ import annotations

from typing import Final

import structlog
from sqlalchemy import Connection

from eco2_image import doomed, store
from eco2_image.storage import Storage
from eco2_image.threads import Threads
from eco2_service.database import Database
from eco2_service.loops import Loop

BATCH: Final = 200
"""Of uploads, and of objects, at once. S3 deletes up to 1000."""
log = structlog.get_logger("eco2.image.sweeping")


class Sweeper:
    """Any number of replicas may sweep at once."""

    def __init__(self, database: Database, storage: Storage, threads: Threads) -> None:
        self._database = database
        self._storage = storage
        self._threads = threads

    async def run_once(self) -> bool:
        """Sweep once. Returns whether there may be more. Raises StorageUnavailable, and DatabaseUnavailable."""
        async with self._database.begin() as connection:
            expired = await connection.run_sync(_end_late)
        async with self._database.begin() as connection:
            keys = await connection.run_sync(lambda sync: doomed.take_due(sync, limit=BATCH))
        if keys:
            failed = await self._threads.run(self._storage.delete, keys)
            gone = [key for key in keys if key not in failed]
            async with self._database.begin() as connection:
                await connection.run_sync(doomed.settle, gone)
            log.info("objects deleted", count=len(gone), failed=len(failed))
        return max(expired, len(keys)) == BATCH

    def loop(self, *, interval: float) -> Loop:
        """Sweeps again and again."""
        return Loop("sweep", self.run_once, interval=interval)


def _end_late(connection: Connection) -> int:
    return max(
        store.expire(connection, seconds=doomed.GRACE_SECONDS, limit=BATCH),
        store.give_up_lost(connection, limit=BATCH),
        store.forget_ended(connection, limit=BATCH),
    )
