"""An article as a file has it: what is taken, and how it is tidied."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

_LINE_BREAKS: Final = frozenset("\n")


def _line(value: object) -> object:
    """Composed (NFC), one blank between words, none around."""
    return " ".join(unicodedata.normalize("NFC", value).split()) if isinstance(value, str) else value


def _paragraphs(value: object) -> object:
    """Composed (NFC); no blanks at the ends of lines, one empty line between paragraphs, none around."""
    if not isinstance(value, str):
        return value
    lines = [line.rstrip() for line in unicodedata.normalize("NFC", value).strip().splitlines()]
    return "\n".join(line for number, line in enumerate(lines) if line or lines[number - 1])


def _without_controls(value: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in _LINE_BREAKS for character in value):
        raise ValueError("a control character: take it out")
    return value


Line = Annotated[str, BeforeValidator(_line), StringConstraints(min_length=1), AfterValidator(_without_controls)]
Label = Annotated[Line, StringConstraints(max_length=30)]
Short = Annotated[Line, StringConstraints(max_length=200)]


class EntrySource(BaseModel):
    """Where a statement comes from; `date` as far as it is known: 2024, 2024-01 or 2024-01-17."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: Short
    section: Short | None = None
    date: Annotated[Line, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")] | None = None
    publisher: Short
    url: Annotated[Line, StringConstraints(pattern=r"^https?://\S+$", max_length=500)] | None = None
    verified: bool = False


def _at_least_one(value: tuple[EntrySource, ...]) -> tuple[EntrySource, ...]:
    """Not by `min_length`: it would count a source with a fault as none, and say so too."""
    if not value:
        raise ValueError("no sources: say what it rests on")
    return value


class Entry(BaseModel):
    """One article of the file, tidied."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[Line, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Annotated[Line, StringConstraints(max_length=100)]
    summary: Annotated[Line, StringConstraints(max_length=300)]
    category: Label
    tags: Annotated[tuple[Label, ...], Field(max_length=20)]
    published_on: date
    verified: bool = False
    sources: Annotated[tuple[EntrySource, ...], Field(max_length=20), AfterValidator(_at_least_one)]
    body: Annotated[
        str,
        BeforeValidator(_paragraphs),
        StringConstraints(min_length=1, max_length=20_000),
        AfterValidator(_without_controls),
    ]

    @model_validator(mode="after")
    def _is_verified_by_its_sources(self) -> Self:
        if self.verified and not all(source.verified for source in self.sources):
            raise ValueError("verified is true, and a source is not: nothing is verified by what was not read")
        if len(set(self.tags)) < len(self.tags):
            raise ValueError("a tag is there twice")
        return self
