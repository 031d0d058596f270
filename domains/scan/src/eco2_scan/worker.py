"""What does the tasks: in the service, and in `eco2-scan worker`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from eco2_scan.classifying import KIND, classify_handler
from eco2_scan.settings import WorkerSettings
from eco2_scan.tables import tasks
from eco2_scan.uploads import Contents
from eco2_service.metrics import Metrics
from eco2_tasks.tasks import Handler
from eco2_tasks.worker import Worker
from eco2_waste_pipeline.cache import RedisCache
from eco2_waste_pipeline.pipeline import Pipeline

NAME: Final = "scan"
QUEUE: Final = "ai"
CONTENT_ATTEMPTS: Final = 3


@contextmanager
def open_handlers(settings: WorkerSettings, metrics: Metrics) -> Iterator[Mapping[str, Handler]]:
    """The pipeline and what it reads from, for one process; closed at the end of the block."""
    images = Contents(
        settings.image_url,
        token=settings.service_token,
        metrics=metrics,
        timeout=settings.image_seconds,
        attempts=CONTENT_ATTEMPTS,
    )
    cache = RedisCache.from_url(settings.redis_url)
    try:
        with Pipeline.from_settings(settings, registry=metrics.registry, cache=cache) as pipeline:
            yield {KIND: classify_handler(images, pipeline)}
    finally:
        images.close()


WORKER: Final = Worker(name=NAME, queue=QUEUE, settings=WorkerSettings, table=tasks, open_handlers=open_handlers)
