"""The work of a task: the photo, through the pipeline, to a result and a reward to be asked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, Protocol

from sqlalchemy import Connection, insert

from eco2_scan.schemas import (
    Category,
    Classification,
    FoundRule,
    RuleSource,
    Seen,
    Situation,
    WrittenAnswer,
)
from eco2_scan.tables import rewards
from eco2_scan.uploads import ContentGone, ContentUnavailable
from eco2_tasks.tasks import Handler, Json, Task, TaskRefused, TryLater
from eco2_waste_pipeline.errors import (
    AnswerMalformed,
    InvalidImage,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    PipelineError,
    TimedOut,
)
from eco2_waste_pipeline.results import ImageResult

KIND: Final = "classify"
REASONS: Final[Mapping[type[PipelineError], str]] = {
    NotConfigured: "not_configured",
    ModelUnavailable: "model_unavailable",
    ModelRateLimited: "model_rate_limited",
    ModelRefused: "model_refused",
    AnswerMalformed: "answer_malformed",
    InvalidImage: "image_invalid",
    TimedOut: "timed_out",
}


MALFORMED_ATTEMPTS: Final = 3
"""A model that answers this photo beside the point will do so again, and every answer is paid for."""


class ReadsImages(Protocol):
    """As `eco2_scan.uploads.Contents` does."""

    def read(self, user_id: str, image_id: uuid.UUID) -> bytes:
        """The bytes. Raises ContentUnavailable, ContentGone."""
        ...


class ClassifiesImages(Protocol):
    """As `eco2_waste_pipeline.pipeline.Pipeline` does."""

    def classify_image(self, image: bytes, *, question: str = "") -> ImageResult:
        """What it is and how it is discarded. Raises PipelineError."""
        ...


def payload_of(image_id: uuid.UUID, question: str) -> Json:
    """What the log keeps of a request."""
    return {"image_id": str(image_id), "question": question}


def classify_handler(images: ReadsImages, pipeline: ClassifiesImages) -> Handler:
    """How tasks of the kind `KIND` are done."""

    def work(task: Task) -> Json:
        try:
            image = images.read(task.user_id, uuid.UUID(task.payload["image_id"]))
        except ContentUnavailable as error:
            raise TryLater("image_unavailable", str(error)) from error
        except ContentGone as error:
            raise TaskRefused(error.reason, error.detail) from error
        try:
            result = pipeline.classify_image(image, question=task.payload["question"])
        except PipelineError as error:
            reason = REASONS[type(error)]
            if _is_final(error, task.attempt):
                raise TaskRefused(reason, error.reason) from error
            seconds = getattr(error, "retry_after", None) or 0.0
            raise TryLater(reason, error.reason, seconds=seconds) from error
        return classification_of(result).model_dump(mode="json")

    return Handler(work, commit=_write_reward)


def _is_final(error: PipelineError, attempt: int) -> bool:
    """Whether the task has failed for good."""
    if isinstance(error, NotConfigured):  # a wrong key is mended by people, and what waits is done then
        return False
    return not error.retryable or (isinstance(error, AnswerMalformed) and attempt >= MALFORMED_ATTEMPTS)


def _write_reward(connection: Connection, task: Task, result: Json) -> None:
    """With the result, or not at all: what is to be asked of character is not lost, and not written twice."""
    request = reward_request(task, Classification.model_validate(result))
    if request is not None:
        connection.execute(insert(rewards).values(task_id=task.id, request=request))


def reward_request(task: Task, found: Classification) -> dict[str, Any] | None:
    """What character is asked (`CharacterRewardRequest` there); None when the item is not known."""
    category = found.vision.category
    if category is None or not found.vision.is_waste:
        return None
    return {
        "request_id": str(task.id),
        "source": "scan",
        "user_id": task.user_id,
        "task_id": str(task.id),
        "classification": {
            "major_category": category.major,
            "middle_category": category.middle,
            "minor_category": category.minor,
        },
        "situation_tags": [situation.id for situation in found.vision.situations],
        "disposal_rules_present": bool(found.rules),
        "insufficiencies_present": any(situation.insufficiency for situation in found.vision.situations),
    }


def classification_of(result: ImageResult) -> Classification:
    """A run's result as it is kept and shown: without what the run cost."""
    vision = result.vision
    labels = vision.labels
    return Classification(
        vision=Seen(
            item_id=vision.item_id,
            category=None if labels is None else Category(major=labels.major, middle=labels.middle, minor=labels.minor),
            confidence=vision.confidence,
            is_waste=vision.is_waste,
            description=vision.description,
            situations=[
                Situation(id=tag.id, name=tag.name, insufficiency=tag.insufficiency) for tag in vision.situation_tags
            ],
        ),
        rules=[
            FoundRule(
                id=rule.id,
                title=rule.title,
                verified=rule.verified,
                sources=[
                    RuleSource(
                        document=source.document,
                        section=source.section,
                        publisher=source.publisher,
                        date=source.date,
                        url=source.url,
                        verified=source.verified,
                    )
                    for source in rule.sources
                ],
            )
            for rule in result.rules
        ],
        answer=WrittenAnswer(text=result.answer.text, rule_ids=list(result.answer.rule_ids)),
        cached=result.cached,
    )
