"""Which character a classification earns: pure, and the same whatever the order of the catalogue.

A character names one to three labels, from the major category down. It matches a classification that has the same
labels on these levels; of several that match, the one that names most levels wins. Labels are compared without regard
to white space, letter case and the way Hangul is composed: a model writes 종이 팩 as often as 종이팩.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

_SEPARATOR: Final = "\x1f"
"""Between the labels of a key. Python counts it as white space, so a folded label never holds it."""
SHOWN_SEPARATOR: Final = " > "


@dataclass(frozen=True, slots=True)
class Labels:
    """Categories from the general to the special. Without a middle one there is no minor one."""

    major: str
    middle: str | None = None
    minor: str | None = None

    @property
    def levels(self) -> tuple[str, ...]:
        """The labels that are there, most general first."""
        levels = []
        for label in (self.major, self.middle, self.minor):
            if label is None:
                break
            levels.append(label)
        return tuple(levels)

    @property
    def key(self) -> str:
        """What two spellings of the same labels share, and no other labels do."""
        return _SEPARATOR.join(fold(label) for label in self.levels)

    def __str__(self) -> str:
        return SHOWN_SEPARATOR.join(self.levels)


class Matchable(Protocol):
    """What a classification can earn."""

    @property
    def code(self) -> str:
        """Its name in the catalogue, unique there."""

    @property
    def match(self) -> Labels:
        """The labels it is earned by."""


M = TypeVar("M", bound=Matchable)


def tidy(text: str) -> str:
    """A text as it is stored and shown: composed (NFC), one blank between words, none around."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(label: str) -> str:
    """A label as it is compared (Unicode 3.13, canonical caseless matching, without white space)."""
    folded = unicodedata.normalize("NFD", label).casefold()
    return unicodedata.normalize("NFC", "".join(folded.split()))


def keys_of(classification: Labels) -> tuple[str, ...]:
    """The keys of all labels that would match a classification, most specific first; none when a level is empty."""
    levels = [fold(label) for label in classification.levels]
    if not all(levels):
        return ()
    return tuple(_SEPARATOR.join(levels[:depth]) for depth in range(len(levels), 0, -1))


def best(candidates: Iterable[M], classification: Labels) -> M | None:
    """The candidate a classification earns, or None.

    A catalogue never holds the same labels twice; should it, the first code in the alphabet wins.
    """
    rank = {key: position for position, key in enumerate(keys_of(classification))}
    matching = [candidate for candidate in candidates if candidate.match.key in rank]
    return min(matching, key=lambda candidate: (rank[candidate.match.key], candidate.code), default=None)
