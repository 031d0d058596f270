"""The part of a text that has most of what was asked. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

LENGTH: Final = 120
"""Characters of a snippet, without the dots that say that the text goes on."""
_LEAD: Final = 20
"""Characters before the first word that was asked."""
_MORE: Final = "…"
_PARTS: Final = 1_000_000
"""Weights are summed up as whole numbers of such parts: what goes in and out again leaves nothing behind."""


def snippet(text: str, weights: Mapping[str, float]) -> str:
    """Cut the part out; the beginning when nothing of what was asked is in it.

    Args:
        text: plain text; line breaks become blanks.
        weights: tokens of the question, and how much each says. They are parts of words, in lower case.
    """
    line = " ".join(text.split())
    if len(line) <= LENGTH:
        return line
    start = _begin(line, _best(line, weights))
    end = min(len(line), start + LENGTH)
    if end < len(line) and (blank := line.rfind(" ", start + LENGTH // 2, end)) != -1:
        end = blank
    return f"{_MORE if start else ''}{line[start:end]}{_MORE if end < len(line) else ''}"


def _best(line: str, weights: Mapping[str, float]) -> int:
    """Where the window begins whose tokens weigh most; each counts once. The first of those that weigh the same.

    The window goes over the hits once: a long text of one word again and again has thousands.
    """
    folded = line.lower()
    if len(folded) != len(line):  # a letter that is longer in lower case: places would not fit
        folded = line
    hits = sorted((at, token) for token in weights for at in _places(folded, token))
    parts = {token: round(weight * _PARTS) for token, weight in weights.items()}
    inside: Counter[str] = Counter()
    best, best_weight, weight, end = 0, 0, 0, 0
    for start, first in hits:
        while end < len(hits) and hits[end][0] + len(hits[end][1]) <= start + LENGTH - _LEAD:
            token = hits[end][1]
            weight += 0 if inside[token] else parts[token]
            inside[token] += 1
            end += 1
        if weight > best_weight:
            best, best_weight = start, weight
        inside[first] -= 1
        weight -= 0 if inside[first] else parts[first]
    return best


def _places(text: str, token: str) -> list[int]:
    found, at = [], text.find(token)
    while at != -1 and token:
        found.append(at)
        at = text.find(token, at + 1)
    return found


def _begin(line: str, hit: int) -> int:
    """A little before the hit, at the beginning of a word if there is one; earlier where the text ends soon."""
    start = min(hit - _LEAD, len(line) - LENGTH)
    if start <= 0:
        return 0
    blank = line.find(" ", start, hit)
    return blank + 1 if blank != -1 else start
