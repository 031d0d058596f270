"""What the knowledge base holds, frozen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
Date = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]


class Frozen(BaseModel):
    """A value that nobody changes; a field nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(Frozen):
    """A classification, in the words of the class list. `minor` is the name of an item."""

    major: Text
    middle: Text
    minor: Text | None = None


class ItemClass(Frozen):
    """Something people throw away."""

    id: Id
    name: Text
    aliases: tuple[Text, ...]
    labels: Labels


class SituationTag(Frozen):
    """What may be seen of an item besides what it is.

    `insufficiency`: it is not prepared as it should be. `condition`: it changes what is advised.
    """

    id: Id
    name: Text
    kind: Literal["insufficiency", "condition"]
    description: Text


class Source(Frozen):
    """Where a rule comes from.

    Attributes:
        section: the part of the document.
        date: of the document, as exact as it is known: YYYY, YYYY-MM or YYYY-MM-DD.
        url: its official address.
        verified: the text of the section was read; else it is believed to say so.
        read_in: where that text was read. Nothing when it was not.
    """

    document: Text
    section: Text
    publisher: Text
    date: Date | None
    url: str | None
    verified: bool
    read_in: tuple[Text, ...]


class Rule(Frozen):
    """How to dispose of an item, or of some that are treated alike.

    Attributes:
        minor: the name of the item, where the rule is for one.
        steps: what to do, in this order.
        not_this: what it is often mistaken for, and how that goes.
        keywords: other words people use for it; only searched, never shown.
        verified: every source was read. A rule that is not verified is advice and never shown as official.
    """

    id: Id
    items: tuple[Id, ...]
    title: Text
    major: Text
    middle: Text
    minor: Text | None
    summary: Text
    steps: tuple[Text, ...]
    cautions: tuple[Text, ...]
    not_this: tuple[Text, ...]
    keywords: tuple[Text, ...]
    sources: tuple[Source, ...]
    verified: bool
