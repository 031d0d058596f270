"""What a run of the pipeline gives: plain data, whose `model_dump(mode="json")` fits an answer or a row."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from eco2_waste_rules.models import Labels, Source

Intent = Literal["disposal_question", "location_question", "character_question", "smalltalk", "other"]
"""What a message wants."""
Priority = Literal["low", "normal", "high"]
"""How much it matters: `high` where somebody may be hurt (fire, glass, medicine), `low` for small talk."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Turn(_Frozen):
    """One message of a conversation so far, the oldest first."""

    role: Literal["user", "assistant"]
    text: str


class Situation(_Frozen):
    """Something about the thing in the picture, of `situation_tags.yaml`.

    Args:
        insufficiency: it is not prepared as it should be.
    """

    id: str
    name: str
    description: str
    insufficiency: bool


class Vision(_Frozen):
    """What is in the picture.

    Args:
        item_id: an id of `item_class_list.yaml`; None when it is none of them, or not to be told.
        labels: major, middle and minor category of the item.
        confidence: of the model in its own answer, 0 to 1.
        is_waste: whether there is a thing that could be thrown away.
        description: what is seen, in a Korean sentence.
    """

    item_id: str | None
    labels: Labels | None
    confidence: float = Field(ge=0, le=1)
    is_waste: bool
    description: str
    situation_tags: tuple[Situation, ...] = ()


class RuleReference(_Frozen):
    """A rule that was found.

    Args:
        verified: whether the text of its sources was read. A rule that is not is never shown as official.
    """

    id: str
    title: str
    verified: bool
    sources: tuple[Source, ...]


class Answer(_Frozen):
    """What the user is told, in Korean.

    Args:
        rule_ids: the rules that the text rests on; all of them are among the result's `rules`.
    """

    text: str
    rule_ids: tuple[str, ...] = ()


class Usage(_Frozen):
    """What a run took of the models, failed attempts included where OpenAI counted them.

    Args:
        cost_usd: by the table of prices; tokens of an unknown model cost nothing there.
        calls: requests sent to OpenAI.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0


class ImageResult(_Frozen):
    """A picture, looked at and answered.

    Args:
        rules: what was found for it; empty when it is no waste, not known, or no rule is at hand.
        cached: what is in the picture was known from an earlier run.
    """

    vision: Vision
    rules: tuple[RuleReference, ...]
    answer: Answer
    usage: Usage
    cached: bool = False


class TextResult(_Frozen):
    """A question, answered.

    Args:
        item_id: what the question is about, of `item_class_list.yaml`.
        rules: what was found for it; empty when retrieval abstained or the question is about something else.
    """

    intent: Intent
    priority: Priority
    item_id: str | None = None
    rules: tuple[RuleReference, ...]
    answer: Answer
    usage: Usage


class TextPiece(_Frozen):
    """The next words of an answer."""

    text: str


class ResultPiece(_Frozen):
    """The last piece of a stream. The pieces before it are together exactly `result.answer.text`."""

    result: ImageResult | TextResult


Piece = TextPiece | ResultPiece
"""What a stream gives: any number of TextPiece, then exactly one ResultPiece."""
