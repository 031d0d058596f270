"""What is sent and answered."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from eco2_waste_pipeline.results import Intent, Priority, RuleReference, Vision

MAX_MESSAGE: Final = 2000
_UNSEEN: Final = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f"


class Kind(StrEnum):
    """How a message was taken: chat decides that itself."""

    TEXT = "text"
    IMAGE = "image"


class Reason(StrEnum):
    """Why a photo has no answer."""

    BUSY = "busy"
    IMAGE_UNAVAILABLE = "image_unavailable"
    IMAGE_INVALID = "image_invalid"
    MODEL_FAILED = "model_failed"
    MODEL_UNAVAILABLE = "model_unavailable"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"


class NewMessage(BaseModel):
    """A message of the signed-in user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: Annotated[
        str,
        StringConstraints(
            min_length=1,
            max_length=MAX_MESSAGE,
            pattern=rf"^[^{_UNSEEN}]*[^\u0000-\u0020\u007f][^{_UNSEEN}]*$",
        ),
        Field(
            description="Not blank; may have several lines. The address of an image of the user's own makes it a "
            "message with a photo; other addresses are text, and none is ever fetched",
            examples=["페트병 라벨은 떼서 버려야 하나요?"],
        ),
    ]
    image_id: uuid.UUID | None = Field(default=None, description="A completed upload of the user's own: a photo")


class ChatAnswer(BaseModel):
    """The answer, in Korean."""

    id: uuid.UUID | None = Field(
        default=None, description="Of the message and its answer in the history; null when they are not kept"
    )
    kind: Kind
    answer: str = Field(description="For the user; of a photo that failed: that it did, and to try again")
    failed: bool = Field(default=False, description="The photo could not be looked at; nothing of it is kept")
    reason: Reason | None = Field(default=None, description="Why it failed")
    retry_after: int | None = Field(default=None, description="Seconds to wait before it is tried again, if known")
    vision: Vision | None = Field(default=None, description="What is in the photo")
    intent: Intent | None = Field(default=None, description="What a text wants")
    priority: Priority | None = Field(default=None, description="How much a text matters")
    rules: tuple[RuleReference, ...] = Field(default=(), description="The rules that the answer rests on")


class Piece(BaseModel):
    """The next words of an answer that is streamed."""

    text: str


class CitedRule(BaseModel):
    """A rule that an answer rests on."""

    id: str
    title: str
    verified: bool


class Exchange(BaseModel):
    """A message and its answer."""

    id: uuid.UUID
    kind: Kind
    message: str
    image_id: uuid.UUID | None
    answer: str
    rules: tuple[CitedRule, ...]
    asked_at: datetime
    answered_at: datetime
