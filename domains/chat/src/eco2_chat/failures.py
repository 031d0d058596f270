"""Runs that failed: what a user is told of a photo, and what a client of a text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from eco2_chat.errors import (
    MessageRefused,
    ModelFailed,
    ModelNotConfigured,
    ModelRateLimited,
    ModelTimedOut,
    TooBusy,
)
from eco2_chat.schemas import ChatAnswer, Kind, Reason
from eco2_service.problems import Problem, Unavailable
from eco2_waste_pipeline import errors as pipeline
from eco2_waste_pipeline.threads import Busy

Failure = pipeline.PipelineError | Busy
_REASONS: Final[Mapping[type[Exception], Reason]] = {
    Busy: Reason.BUSY,
    pipeline.AnswerMalformed: Reason.MODEL_FAILED,
    pipeline.InvalidImage: Reason.IMAGE_INVALID,
    pipeline.ModelRateLimited: Reason.RATE_LIMITED,
    pipeline.ModelRefused: Reason.REFUSED,
    pipeline.ModelUnavailable: Reason.MODEL_UNAVAILABLE,
    pipeline.NotConfigured: Reason.MODEL_UNAVAILABLE,
    pipeline.TimedOut: Reason.TIMED_OUT,
}
_LATER: Final = "사진을 확인하지 못했어요. 잠시 후 다시 시도해 주세요."
_TEXTS: Final[Mapping[Reason, str]] = {
    Reason.BUSY: "지금은 질문이 많아 사진을 확인하지 못했어요. 잠시 후 다시 시도해 주세요.",
    Reason.RATE_LIMITED: "지금은 질문이 많아 사진을 확인하지 못했어요. 잠시 후 다시 시도해 주세요.",
    Reason.TIMED_OUT: "사진을 확인하는 데 시간이 너무 오래 걸렸어요. 잠시 후 다시 시도해 주세요.",
    Reason.IMAGE_INVALID: "이 사진은 열 수 없었어요. 다른 사진으로 다시 시도해 주세요.",
    Reason.REFUSED: "이 사진으로는 답을 드릴 수 없어요. 버릴 물건이 잘 보이는 다른 사진으로 다시 시도해 주세요.",
}


def reason_of(error: Failure) -> Reason:
    """Why, for clients and metrics."""
    return _REASONS.get(type(error), Reason.MODEL_FAILED)


def failed_photo(reason: Reason, *, retry_after: float | None = None) -> ChatAnswer:
    """What a user is told whose photo could not be looked at: never what went wrong inside, always to try again."""
    return ChatAnswer(
        kind=Kind.IMAGE,
        answer=_TEXTS.get(reason, _LATER),
        failed=True,
        reason=reason,
        retry_after=None if retry_after is None else max(1, math.ceil(retry_after)),
    )


def failed_run(error: Failure) -> ChatAnswer:
    """Of a photo."""
    retry_after = error.retry_after if isinstance(error, pipeline.ModelRateLimited) else None
    return failed_photo(reason_of(error), retry_after=retry_after)


def problem_of(error: Failure) -> Problem:
    """Of a text."""
    match error:
        case Busy():
            return TooBusy()
        case pipeline.NotConfigured():
            return ModelNotConfigured()
        case pipeline.ModelRateLimited():
            return ModelRateLimited(error.retry_after)
        case pipeline.ModelUnavailable():
            return Unavailable("The model does not answer; try again in a moment", slug="model-unavailable")
        case pipeline.ModelRefused():
            return MessageRefused()
        case pipeline.TimedOut():
            return ModelTimedOut()
        case _:
            return ModelFailed()
