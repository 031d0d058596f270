"""Failed tasks as answers to requests that waited for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from eco2_scan.errors import ModelAway, ModelWrong, NotClassified, TookTooLong, Unclassifiable
from eco2_scan.schemas import Task

SHORTEST: Final = 1
"""Seconds of a Retry-After."""
_ANSWERS: Final[Mapping[str, tuple[type[NotClassified], str]]] = {
    "image_invalid": (Unclassifiable, "This is not a picture that can be looked at; upload another one"),
    "image_too_large": (Unclassifiable, "The picture is too large; upload a smaller one"),
    "image_unknown": (Unclassifiable, "The image was deleted meanwhile; upload it again"),
    "image_not_ready": (Unclassifiable, "The image was withdrawn meanwhile; upload it again"),
    "model_refused": (Unclassifiable, "This picture cannot be classified; take another one of the item alone"),
    "answer_malformed": (ModelWrong, "The picture could not be understood"),
    "timed_out": (TookTooLong, "Looking at the picture took too long"),
    "not_configured": (ModelAway, "Pictures cannot be classified here now"),
    "model_unavailable": (ModelAway, "What looks at pictures does not answer"),
    "model_rate_limited": (ModelAway, "What looks at pictures has too much to do"),
    "image_unavailable": (ModelAway, "The image cannot be read now"),
}
_UNEXPECTED: Final = (ModelAway, "Something went wrong while the picture was classified")


def problem_of(task: Task, path: str, rests: float) -> NotClassified:
    """What to say of a task that has an error.

    Args:
        path: of the task.
        rests: seconds until it is tried again, if it is.
    """
    reason = "unexpected" if task.error is None else task.error.reason
    kind, detail = _ANSWERS.get(reason, _UNEXPECTED)
    slug = reason.replace("_", "-") if reason in _ANSWERS else "classification-failed"
    if task.finished_at is not None:
        return kind(detail, slug=slug, task=path)
    detail += "; it is tried again by itself, and the task will tell"
    return kind(detail, slug=slug, task=path, retry_after=max(SHORTEST, math.ceil(rests)))
