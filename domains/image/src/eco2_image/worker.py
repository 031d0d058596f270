"""The worker: takes uploads to be processed from the queue ``storage``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from eco2_image.processing import Processing
from eco2_image.settings import Settings
from eco2_image.storage import Storage
from eco2_image.tables import tasks
from eco2_service.metrics import Metrics
from eco2_tasks.engine import create_engine
from eco2_tasks.tasks import Handler
from eco2_tasks.worker import Worker

QUEUE: Final = "storage"


@contextmanager
def open_processing(settings: Settings, storage: Storage, metrics: Metrics) -> Iterator[Mapping[str, Handler]]:
    """Open what the work needs beside the storage; close it at the end of the block."""
    engine = create_engine(settings, name="image-processing", pool_size=settings.celery_concurrency)
    try:
        yield Processing(storage, engine, metrics).handlers
    finally:
        engine.dispose()


@contextmanager
def open_handlers(settings: Settings, metrics: Metrics) -> Iterator[Mapping[str, Handler]]:
    """Open what a process of the worker needs; close it at the end of the block."""
    with closing(Storage(settings, metrics)) as storage, open_processing(settings, storage, metrics) as handlers:
        yield handlers


WORKER: Final = Worker(name="image", queue=QUEUE, settings=Settings, table=tasks, open_handlers=open_handlers)
