"""Finding the rules that answer a question: BM25 over syllables and their pairs, and whole names.

Two things add up. BM25 (Robertson and Zaragoza 2009, BM25F: fields are weighted before they saturate) over the tokens
of title, other names and text of a rule; and the longest name of a rule that stands in the question as it is.

A question is not answered (nothing is found) when too little of it is about the best rule. How much is enough depends
on whether it asks for disposal at all: 냉장고 names a rule, and 냉장고 온도 is none of our business.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eco2_waste_rules.intent import Intent, intent_of
from eco2_waste_rules.knowledge import Knowledge
from eco2_waste_rules.models import Rule
from eco2_waste_rules.tokens import normalise, tokens_of, words

TITLE, NAMES, TEXT = 3.0, 2.0, 0.5
"""Weights of the fields."""
SATURATION: Final = 1.2
LENGTH: Final = 0.75
"""k1 and b of BM25, as most have them: they make no difference here."""
NAME: Final = 0.6
"""What a syllable of a whole name counts, beside the tokens it has anyway."""
ENOUGH: Final = 13.0
"""The score of the best rule from which on a question is answered."""
ENOUGH_ASKED, ENOUGH_ALONE = 0.2, 0.5
"""The share of a question, by weight of its tokens, that has to be about the rule besides: when it asks for disposal,
and when it does not say what it asks."""
ENOUGH_MOSTLY: Final = 0.45
"""The share from which on a question that asks for disposal is answered, be it too short for the score."""
SHORT: Final = 2
"""Syllables of a name that has to stand in one word."""
MAX_CHARACTERS: Final = 2000
"""Of a question; the rest is not looked at."""

GENERIC: Final = (
    *(
        "쓰레기",
        "일반쓰레기",
        "일쓰",
        "음식물",
        "음쓰",
        "재활용",
        "분리수거",
        "분리배출",
        "배출",
        "수거",
        "폐기물",
        "종량제",
    ),
    *("처리", "방법", "요령", "종류", "질문"),
)
"""How words begin that are in questions about anything that is thrown away: is it this kind of waste, or that?"""
_WORDS: Final = re.compile(r"[가-힣]+|[^\W_가-힣]+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was found. Scores compare hits of one search and nothing else."""

    rule: Rule
    score: float


class RuleIndex:
    """An index of all rules of a knowledge base, in memory; safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._rules: Sequence[Rule] = tuple(knowledge.rules.values())
        fields = [_Fields.of(rule, knowledge) for rule in self._rules]
        weights = [field.weights() for field in fields]
        holders = Counter(token for weight in weights for token in weight)
        count = len(weights)
        self._rarity = {token: math.log(1 + (count - held + 0.5) / (held + 0.5)) for token, held in holders.items()}
        self._unknown = math.log(1 + (count + 0.5) / 0.5)
        self._postings = self._posted(weights)
        self._names = self._named(fields)

    def search(self, text: str, *, limit: int = 3) -> list[Hit]:
        """The rules that answer a question best, the best first; none when nothing here answers it."""
        asked = normalise(text[:MAX_CHARACTERS])
        found = {token for word in _telling(words(asked)) for token in tokens_of(word)}
        scores: dict[int, float] = defaultdict(float)
        for token in sorted(found):  # the sum of floats depends on the order
            for number, score in self._postings.get(token, ()):
                scores[number] += score
        for number, score in self._by_name(asked).items():
            scores[number] += score
        hits = sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))[:limit]
        if not hits or not self._is_answer(asked, found, *hits[0]):
            return []
        return [Hit(self._rules[number], round(score, 3)) for number, score in hits]

    def _posted(self, weights: Sequence[Mapping[str, float]]) -> dict[str, list[tuple[int, float]]]:
        postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        lengths = [sum(weight.values()) for weight in weights]
        mean = sum(lengths) / max(1, len(lengths))
        for number, weight in enumerate(weights):
            norm = SATURATION * (1 - LENGTH + LENGTH * lengths[number] / mean)
            for token, times in weight.items():
                postings[token].append((number, self._rarity[token] * times * (SATURATION + 1) / (times + norm)))
        return dict(postings)

    def _named(self, fields: Iterable[_Fields]) -> dict[str, tuple[float, list[int]]]:
        """What each name counts, and for which rules: less, the more rules have it."""
        holders: dict[str, list[int]] = defaultdict(list)
        for number, field in enumerate(fields):
            for name in field.whole_names():
                holders[name].append(number)
        return {
            name: (NAME * max(1, len(name) - 1) * math.log(1 + len(self._rules) / len(numbers)), numbers)
            for name, numbers in holders.items()
        }

    def _by_name(self, asked: str) -> dict[int, float]:
        """For each rule the best of its names that the question holds.

        Blanks do not matter to long names; two syllables would be found across words that have nothing to do with
        them. One syllable, and what is no Hangul, has to be a word: 밥 is not in 비빔밥, nor PP in APP.
        """
        said = _WORDS.findall(asked)
        telling = _telling(said)
        spaced = " ".join(telling)
        everything, flat, alone = "".join(said), "".join(telling), {*telling, *words(spaced)}
        best: dict[int, float] = {}
        for name, (score, numbers) in self._names.items():
            if name == everything:
                score += ENOUGH  # a question that is nothing but a name
            elif name.isascii() or len(name) < SHORT:
                if name not in alone:
                    continue
            elif name not in (spaced if len(name) == SHORT or " " in name else flat):
                continue
            best.update({number: max(score, best.get(number, 0.0)) for number in numbers})
        return best

    def _is_answer(self, asked: str, found: set[str], number: int, score: float) -> bool:
        asks = intent_of(asked)
        if asks is Intent.SOMETHING_ELSE:
            return False
        whole = sum(self._rarity.get(token, self._unknown) for token in found)
        about = sum(
            self._rarity[token] for token in found if any(one == number for one, _ in self._postings.get(token, ()))
        )
        if asks is Intent.DISPOSAL:
            return (score >= ENOUGH and about >= ENOUGH_ASKED * whole) or about >= ENOUGH_MOSTLY * whole
        return score >= ENOUGH and about >= ENOUGH_ALONE * whole


@dataclass(frozen=True, slots=True)
class _Fields:
    """The words of a rule, by field."""

    title: tuple[str, ...]
    names: tuple[str, ...]
    text: tuple[str, ...]

    @classmethod
    def of(cls, rule: Rule, knowledge: Knowledge) -> _Fields:
        items = [knowledge.items[id_] for id_ in rule.items]
        aliases = [alias for item in items for alias in item.aliases]
        return cls(
            (rule.title, *(item.name for item in items)),
            (*rule.keywords, *aliases),
            (rule.summary, *rule.steps, *rule.cautions, *rule.not_this, rule.major, rule.middle),
        )

    def weights(self) -> Mapping[str, float]:
        """How often each token is there, weighted by field; in one field it counts twice at most."""
        weights: dict[str, float] = defaultdict(float)
        for weight, texts in ((TITLE, self.title), (NAMES, self.names), (TEXT, self.text)):
            times = Counter(token for text in texts for word in words(text) for token in tokens_of(word))
            for token, number in times.items():
                weights[token] += weight * min(2, number)
        return weights

    def whole_names(self) -> set[str]:
        """Title and other names without blanks; short ones keep theirs: 코 푼 is two words."""
        names = (_WORDS.findall(normalise(name)) for name in (*self.title, *self.names))
        return {("" if len("".join(said)) > SHORT else " ").join(said) for said in names if said}


def _telling(said: Iterable[str]) -> list[str]:
    """The words that say which thing is asked about; all, when there are no others."""
    every = list(said)
    return [word for word in every if not word.startswith(GENERIC)] or every
