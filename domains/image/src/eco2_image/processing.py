"""The task that makes an image of what was uploaded.

It may be killed anywhere and done again: each attempt writes to a key of its own that is in `doomed` before, and only
the transaction that ends the task makes one of them the upload's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Engine

from eco2_image import doomed, store
from eco2_image.cleaning import Cleaned, clean
from eco2_image.errors import StorageUnavailable
from eco2_image.keys import new_image_key
from eco2_image.media import MAX_BYTES, Media, sniff
from eco2_image.rejection import Rejected, Rejection
from eco2_image.states import Method, Picture, State, Upload
from eco2_image.storage import Storage, Stored
from eco2_service.metrics import Metrics
from eco2_tasks.tasks import Handler, Json, Task, TaskError, TryLater

KIND: Final = "process"
log = structlog.get_logger("eco2.image.processing")


class Job(BaseModel):
    """What a task has to know, as its payload. The task's id is the upload's."""

    model_config = ConfigDict(frozen=True)

    raw_key: str
    media: Media
    method: Method
    size: int

    @classmethod
    def of(cls, upload: Upload) -> Job:
        """The job that an upload is."""
        return cls(raw_key=upload.raw_key, media=upload.media, method=upload.method, size=upload.declared_size)


class Outcome(BaseModel):
    """What became of it: a picture, or the reason why there is none."""

    model_config = ConfigDict(frozen=True)

    picture: Picture | None = None
    reason: Rejection | None = None


class Processing:
    """Does tasks of the kind ``process``. May be used by many threads at once."""

    def __init__(self, storage: Storage, engine: Engine, metrics: Metrics) -> None:
        self._storage = storage
        self._engine = engine
        self._results = Counter(
            "eco2_image_uploads",
            "Uploads that were processed; result is ready or why it was rejected",
            ("result",),
            registry=metrics.registry,
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By kind."""
        return {KIND: Handler(self.work, commit=self.commit, abandon=self.abandon)}

    def work(self, task: Task) -> Json:
        """Check and clean what was uploaded, and write it where it stays. Raises TryLater."""
        job = Job.model_validate(task.payload)
        try:
            picture = self._picture(task, job)
            outcome = Outcome(picture=picture)
        except Rejected as rejected:
            outcome = Outcome(reason=rejected.reason)
        except StorageUnavailable as error:
            raise TryLater("storage-unavailable", error.code) from None
        return outcome.model_dump(mode="json")

    def _picture(self, task: Task, job: Job) -> Picture:
        stored = self._storage.read(job.raw_key, limit=MAX_BYTES)
        if stored is None:
            raise Rejected(Rejection.MISSING)
        cleaned = clean(_checked(task, job, stored), job.media)
        return self._written(cleaned)

    def _written(self, cleaned: Cleaned) -> Picture:
        key = new_image_key(cleaned.media)
        with self._engine.begin() as connection:
            doomed.add_attempt(connection, key)
        self._storage.write(key, cleaned.data, cleaned.media)
        return Picture(key, len(cleaned.data), cleaned.sha256, cleaned.width, cleaned.height)

    def commit(self, connection: Connection, task: Task, result: Json) -> None:
        """Write what became of it, in the transaction that ends the task. Raises TooLate: it is tried again."""
        outcome = Outcome.model_validate(result)
        job = Job.model_validate(task.payload)
        if outcome.picture is not None:
            self._make_ready(connection, task, outcome.picture)
        else:
            store.reject(connection, task.id, State.PROCESSING, outcome.reason or Rejection.FAILED)
        doomed.release_raw(connection, [job.raw_key])
        self._results.labels("ready" if outcome.reason is None else outcome.reason.value).inc()

    def _make_ready(self, connection: Connection, task: Task, picture: Picture) -> None:
        is_ready = store.make_ready(connection, task.id, picture)
        if not doomed.keep(connection, picture.key):
            raise TooLate
        if not is_ready:  # the user has deleted it meanwhile
            doomed.add_images(connection, [picture.key])

    def abandon(self, connection: Connection, task: Task, error: TaskError) -> None:
        """Write that all attempts failed."""
        store.reject(connection, task.id, State.PROCESSING, Rejection.FAILED)
        doomed.release_raw(connection, [Job.model_validate(task.payload).raw_key])
        self._results.labels(Rejection.FAILED.value).inc()
        log.error("upload given up", upload_id=str(task.id), reason=error.reason)


class TooLate(Exception):
    """The image was written so long ago that its deletion has begun."""


def _checked(task: Task, job: Job, stored: Stored) -> bytes:
    """The bytes, when they are what was signed. Says in the log what was declared and what came.

    S3 has refused everything else already, as long as it keeps to the signature. Raises Rejected.
    """
    data = stored.data
    found = None if data is None else sniff(data)
    facts: dict[str, Any] = {
        "upload_id": str(task.id),
        "declared_type": job.media.value,
        "stored_type": stored.content_type[:100],
        "found_type": None if found is None else found.value,
        "declared_size": job.size,
        "stored_size": stored.size,
    }
    if stored.content_type != job.media or found is not job.media:
        log.warning("upload has another content type", **facts)
    else:
        log.info("upload has the content type that was signed", **facts)
    if data is None:
        raise Rejected(Rejection.TOO_LARGE)
    if stored.size > job.size or (job.method is Method.PUT and stored.size != job.size):
        raise Rejected(Rejection.SIZE_DIFFERS)
    if stored.content_type != job.media:
        raise Rejected(Rejection.TYPE_DIFFERS)
    return data
