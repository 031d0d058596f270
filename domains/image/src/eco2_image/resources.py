"""What lives as long as the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from eco2_image.cdn import Addresses
from eco2_image.images import Images
from eco2_image.settings import Settings
from eco2_image.storage import Storage
from eco2_image.sweeping import Sweeper
from eco2_image.tables import tasks as table
from eco2_image.threads import Threads
from eco2_image.uploads import Uploads
from eco2_image.worker import QUEUE, open_processing
from eco2_service.database import Database
from eco2_service.metrics import Metrics
from eco2_service.probes import Check
from eco2_tasks.service import open_tasks

THREADS: Final = 16
"""Requests that wait for S3 at once. Each may hold an image of 10 MB."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What endpoints work with."""

    database: Database
    uploads: Uploads
    images: Images
    addresses: Addresses

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must answer. Not S3, which no other pod would reach either: what needs it answers 503, the rest works.

        Not the broker: without it tasks wait in the log.
        """
        return {"postgres": self.database.check}


@asynccontextmanager
async def open_resources(settings: Settings, metrics: Metrics) -> AsyncIterator[Resources]:
    """Open all, begin to sweep and to reap; end it and close all at the end of the block."""
    async with AsyncExitStack() as stack:
        database = Database.from_settings(settings, name="image", metrics=metrics)
        stack.push_async_callback(database.close)
        storage = await asyncio.to_thread(Storage, settings, metrics)
        stack.callback(storage.close)
        handlers = stack.enter_context(open_processing(settings, storage, metrics))
        tasks = await stack.enter_async_context(
            open_tasks(
                settings,
                name="image",
                queue=QUEUE,
                table=table,
                database=database,
                metrics=metrics,
                handlers=handlers,
            )
        )
        threads = Threads(THREADS)
        sweep = Sweeper(database, storage, threads).loop(interval=settings.image_sweep_seconds)
        await stack.enter_async_context(sweep)
        addresses = Addresses(
            cdn_base_url=settings.cdn_base_url,
            bucket=settings.s3_bucket,
            region=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url,
        )
        uploads = Uploads(
            database,
            storage,
            threads,
            tasks,
            sweep,
            inline=settings.celery_broker_url is None,
            bytes_per_user=settings.image_bytes_per_user,
            per_day=settings.image_uploads_per_day,
            seconds=settings.image_upload_seconds,
        )
        yield Resources(database, uploads, Images(database, storage, threads, addresses), addresses)
