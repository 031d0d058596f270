"""What is sent and answered."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class ClassifyRequest(BaseModel):
    """A photo to be classified."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_id: Annotated[uuid.UUID, Field(description="Of your own completed upload (`POST /api/v1/images/uploads`)")]
    question: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True,
            max_length=500,
            pattern=r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$",
        ),
        Field(description="What you want to know about it; no control characters", examples=["뚜껑도 같이 버리나요?"]),
    ] = ""


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class Category(_Answered):
    """Where an item belongs, in Korean."""

    major: str
    middle: str
    minor: str | None


class Situation(_Answered):
    """Something about the item that matters for how it is discarded."""

    id: str
    name: str
    insufficiency: bool = Field(description="The item is not prepared as it should be")


class Seen(_Answered):
    """Stage 1: what is in the picture."""

    item_id: str | None = Field(description="Of `GET /categories`; null when it is none of them")
    category: Category | None
    confidence: float = Field(ge=0, le=1)
    is_waste: bool
    description: str
    situations: list[Situation]


class RuleSource(_Answered):
    """Where a rule is written."""

    document: str
    section: str
    publisher: str
    date: str | None = Field(description="As exact as it is known: YYYY, YYYY-MM or YYYY-MM-DD")
    url: str | None
    verified: bool = Field(description="Its text was read")


class FoundRule(_Answered):
    """Stage 2: a disposal rule that applies."""

    id: str
    title: str
    verified: bool = Field(description="The text of its sources was read; otherwise it is guidance, not official")
    sources: list[RuleSource]


class WrittenAnswer(_Answered):
    """Stage 3: how to discard it, in Korean."""

    text: str
    rule_ids: list[str] = Field(description="The rules it rests on")


class Classification(_Answered):
    """What came of each stage."""

    vision: Seen
    rules: list[FoundRule]
    answer: WrittenAnswer
    cached: bool = Field(description="What is in the picture was known from an earlier run")


class TaskFailure(_Answered):
    """Why an attempt failed."""

    reason: str = Field(description="A word for programs", examples=["image_invalid"])
    detail: str


class CharacterCard(_Answered):
    """A character as it is shown. `type` and `dialog` are Korean, for users."""

    code: str
    name: str
    type: str
    dialog: str


class Reward(_Answered):
    """The character that the item earns."""

    state: Literal["pending", "given", "none"] = Field(
        description="pending: character has not said yet; none: nothing is given, see reason"
    )
    character: CharacterCard | None = Field(description="The one that was given, or that you had already")
    reason: str | None = Field(description="Why none is given, such as already_owned, no_match, not_classified")


class Task(_Answered):
    """A photo, and what became of it."""

    id: uuid.UUID
    state: Literal["accepted", "dispatched", "done", "failed", "dead"] = Field(
        description="accepted: waits for its turn; dispatched: on its way or at work; done: see result; failed: it "
        "cannot be classified, see error; dead: every attempt failed, see error"
    )
    image_id: uuid.UUID
    question: str
    attempts: int
    accepted_at: datetime
    finished_at: datetime | None
    result: Classification | None = Field(description="When it is done")
    reward: Reward | None = Field(description="When it is done")
    error: TaskFailure | None = Field(description="Of the last attempt, when that failed")


class CategoryItem(_Answered):
    """An item that is known."""

    id: str
    name: str


class MiddleCategory(_Answered):
    """Items that are discarded alike."""

    name: str
    items: list[CategoryItem]


class MajorCategory(_Answered):
    """The kind of waste."""

    name: str
    categories: list[MiddleCategory]


class Categories(_Answered):
    """All that can be recognised, in the order of the knowledge base."""

    items: list[MajorCategory]
