"""What is asked and answered."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_NO_CONTROLS: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
Label = Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=_NO_CONTROLS)]
Question = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
Verified = Field(description="Whether the sources were read; what is not verified is guidance, and never official")


class Source(BaseModel):
    """Where a statement comes from."""

    model_config = ConfigDict(frozen=True)

    document: str
    section: str | None = None
    date: str | None = Field(default=None, description="Of the document, as far as it is known: 2024 or 2024-01-17")
    publisher: str
    url: str | None = None
    verified: bool = Field(description="Whether its text was read")


class ArticleCard(BaseModel):
    """An article in a list."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    summary: str
    category: str
    tags: list[str]
    published_on: date
    verified: bool = Verified


class Article(ArticleCard):
    """An article."""

    body: str = Field(description="Plain text; an empty line is between paragraphs")
    sources: list[Source]


class RuleCard(BaseModel):
    """A disposal rule in a list."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    summary: str
    major: str
    middle: str
    minor: str | None
    verified: bool = Verified


class Rule(RuleCard):
    """A disposal rule."""

    items: list[str] = Field(description="Names of what it is for")
    steps: list[str] = Field(description="What to do, in this order")
    cautions: list[str]
    not_this: list[str] = Field(description="What is often mistaken for it")
    sources: list[Source]


class SearchHit(BaseModel):
    """An article or a rule that was found."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["article", "rule"]
    id: str
    title: str
    category: str
    snippet: str = Field(description="The part of the text that has most of what was asked; plain text")
    verified: bool = Verified
