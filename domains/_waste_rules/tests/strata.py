"""Which stratum a question of the evaluation belongs to: computed from its words, never claimed by whoever wrote it.

A question *shares a word* with a title when, both cut at whatever is no letter or digit, particles taken off:

- a word of the question holds a word of the title of two syllables or more (음료캔에 and 음료), or
- a word of the title holds a word of the question of two syllables or more (우유팩 and 우유), or
- the two are equal, however short (랩은 and 랩).

Words of a title that name no thing (버리는 방법) do not count. When in doubt words are shared: a particle is
also left on, so that a noun that ends like one (포도) is compared both ways. What is left for the other stratum is then
beyond plain comparison of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

PARTICLES: Final = (
    *("에서는", "이라도", "에서도", "으로는", "으로도", "까지도", "인가요", "이에요", "인데요"),
    *("에서", "에게", "에는", "에도", "으로", "이랑", "하고", "까지", "부터", "보다", "처럼"),
    *("마다", "라도", "로는", "로도", "이나", "인가", "인데", "이고", "이면"),
    *("예요", "에요", "이죠", "이요", "이야", "한테", "밖에", "들은", "들이"),
    *("은", "는", "이", "가", "을", "를", "의", "에", "도", "만", "과", "와", "로", "랑", "나", "들", "요", "죠", "야"),
)
"""What Korean hangs on a noun, the longest first: particles, plural, and the copula as it is spoken."""

GENERIC: Final = "방법 배출 분리배출 분리수거 버리는 버리기 버릴 처리 요령 수거 안내 있는 때 법"
"""Words of titles that name no thing."""

_WORD: Final = re.compile(r"[^\W_]+")
_LONG: Final = 2
"""Syllables from which on a word that is part of another counts as shared: shorter ones are in everything."""


def shares_word(question: str, titles: Iterable[str]) -> bool:
    """Whether a question shares a word with one of the titles.

    Args:
        question: as the user typed it.
        titles: of what it expects: names of items, titles of rules.
    """
    asked = words(question)
    named = {word for title in titles for word in words(title)} - words(GENERIC)
    return any(_is_shared(one, other) for one in asked for other in named)


def words(text: str) -> frozenset[str]:
    """The words of a text, each as it stands and without its particle."""
    found = _WORD.findall(unicodedata.normalize("NFC", text).casefold())
    return frozenset(form for word in found for form in (word, _bare(word)))


def _bare(word: str) -> str:
    """A word without the longest particle that leaves something of it."""
    for particle in PARTICLES:
        if len(word) > len(particle) and word.endswith(particle):
            return word.removesuffix(particle)
    return word


def _is_shared(asked: str, named: str) -> bool:
    is_part = (len(named) >= _LONG and named in asked) or (len(asked) >= _LONG and asked in named)
    return asked == named or is_part
