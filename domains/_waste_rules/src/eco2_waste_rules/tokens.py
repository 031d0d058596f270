"""Korean text cut into what an index can hold: syllables and pairs of them, without grammar.

A word is a run of Hangul, or of letters and digits. Words that carry no meaning are left out, and so is the particle at
the end of a word. What is left of Hangul gives its syllables and each two neighbours: 페트병을 gives 페, 트, 병, 페트
and 트병. The morphemes of kiwipiepy find hardly more rules, and take half a gigabyte of memory (README.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_WORD: Final = re.compile(r"[가-힣]+|[^\W_가-힣]+")
_HANGUL: Final = re.compile(r"[가-힣]")

PARTICLES: Final = (
    *("에서는", "으로는", "으로도", "이랑은", "까지도", "이라도"),
    *("에서", "으로", "이랑", "하고", "까지", "부터", "보다", "처럼", "에는", "에도", "인데", "이나", "이면", "이고"),
    *("은", "는", "이", "가", "을", "를", "의", "에", "도", "만", "과", "와", "로", "랑", "요"),
)
"""What is taken off the end of a word, the first that fits, when two syllables are left."""

_WORDS_OF_ONE: Final = """
다 안 거 것 좀 왜 나 도 쓰 쓴 때 수 몇 개 한 두 그 이 저 더 또 잘 꼭 및 등 후 중 속 뒤 앞 위 게 걸 건 데 됨 함
"""
FUNCTION_WORDS: Final = frozenset(_WORDS_OF_ONE.split())
"""Words of one syllable that name nothing."""

_STEMS: Final = """
버리 버려 버릴 버린 버림 버렸 되나 되는 되요 되죠 되면 돼 된다 되었 안되 안돼 하나요 하는 해야 하면 해도 할까 하려
하던 했는 어디 어떻 어떡 그냥 같이 따로 뭘로 무슨 무엇 있는 있나 있어 있던 나온 나오 남은 남는 쓰던 쓰고 쓰는 안쓰
먹고 먹은 맞나 맞아 맞죠 알려 주세요 궁금 이거 저거 그거 이건 이게 거는 건가 거죠 내놓 내놔 넣어 넣으 넣나 넣는 처분
였던 인데 인가 담겨 담긴 들은 아니 거였 거야 거지 거임 거예 거에 건데 건지 어케 어따 어쩌 어째 어캄 이것 그것
"""
FUNCTION_STEMS: Final = tuple(_STEMS.split())
"""How words begin that only say what is done or asked: endings make too many of them to list."""


def normalise(text: str) -> str:
    """A text in one spelling: composed Hangul, no wide letters, lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> Iterator[str]:
    """The words of a text that mean something, without particles."""
    for word in _WORD.findall(normalise(text)):
        if not _HANGUL.match(word):
            yield word
        elif word not in FUNCTION_WORDS and not word.startswith(FUNCTION_STEMS):
            yield _bare(word)


def tokens(text: str) -> list[str]:
    """The tokens of a text, in its order; a token may come more than once."""
    return [token for word in words(text) for token in tokens_of(word)]


def tokens_of(word: str) -> list[str]:
    """The tokens of a word: syllables and pairs of Hangul, anything else as it is."""
    if not _HANGUL.match(word):
        return [word]
    return [*word, *(word[start : start + 2] for start in range(len(word) - 1))]


def _bare(word: str) -> str:
    for particle in PARTICLES:
        if word.endswith(particle) and len(word) - len(particle) > 1:
            return word.removesuffix(particle)
    return word
