"""How well rules are found: the questions of domains/_waste_rules/tests/questions, asked of a ranker.

`dev` and `test` were committed before there was a ranker. It is tuned on `dev` and `fresh`; `final` was written last,
and measured once.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import yaml

from eco2_waste_rules.knowledge import Knowledge, load_knowledge
from eco2_waste_rules.models import Rule
from eco2_waste_rules.search import RuleIndex

FOLDER: Final = Path(__file__).parents[2] / "domains" / "_waste_rules" / "tests"
SETS: Final = ("dev", "fresh", "test", "final")
LIMIT: Final = 3

Ranker = Callable[[str], Sequence[Rule]]
"""The rules for a question, the best first and `LIMIT` at most; none when nothing answers it."""


@dataclass(frozen=True)
class Question:
    """A question, and the items whose rules answer it: none, when nothing does.

    Attributes:
        shares_word: with the names of what it expects, as `strata.py` computes it.
    """

    id: str
    text: str
    expects: frozenset[str]
    shares_word: bool


@dataclass(frozen=True)
class Found:
    """What questions of a stratum that have an answer got.

    Attributes:
        recall: the share whose first three rules hold one that answers.
        rank: the mean of 1 / place of the first one that answers; 0 when it is not among them.
    """

    questions: int
    recall: float
    rank: float


@dataclass(frozen=True)
class Abstained:
    """How well a ranker knows what it has no answer to; to abstain is what is to be found."""

    questions: int
    precision: float
    recall: float
    f1: float


@cache
def questions(name: str) -> tuple[Question, ...]:
    """The questions of a set."""
    knowledge = load_knowledge()
    entries = yaml.safe_load((FOLDER / "questions" / f"{name}.yaml").read_text())
    return tuple(_question(entry["id"], entry["text"], frozenset(entry["expects"]), knowledge) for entry in entries)


def rankers() -> dict[str, Ranker]:
    """What is compared: the index, and overlap of words with what a rule shows, without and with its other names."""
    knowledge = load_knowledge()
    index = RuleIndex(knowledge)
    return {
        "index": lambda text: [hit.rule for hit in index.search(text, limit=LIMIT)],
        "plain": overlap(knowledge, lambda rule: (rule.title, rule.summary)),
        "plain, other names too": overlap(knowledge, lambda rule: (rule.title, rule.summary, *rule.keywords)),
    }


def overlap(knowledge: Knowledge, texts: Callable[[Rule], Iterable[str]]) -> Ranker:
    """Plain keyword match: the rules that share most words with the question; none of them, no answer."""
    known = [(_words(" ".join(texts(rule))), rule) for rule in knowledge.rules.values()]

    def ranked(text: str) -> Sequence[Rule]:
        asked = _words(text)
        shared = [(len(asked & words), rule) for words, rule in known if asked & words]
        return [rule for _, rule in sorted(shared, key=lambda pair: -pair[0])[:LIMIT]]

    return ranked


def found(ranker: Ranker, asked: Iterable[Question]) -> Found:
    """What the answerable ones of some questions get."""
    places = [_place(ranker(one.text), one) for one in asked if one.expects]
    count = max(1, len(places))
    return Found(
        len(places), sum(place > 0 for place in places) / count, sum(1 / place for place in places if place) / count
    )


def abstained(ranker: Ranker, asked: Iterable[Question]) -> Abstained:
    """How well the ranker abstains, over all of some questions."""
    outcomes = [(not one.expects, not ranker(one.text)) for one in asked]
    right = outcomes.count((True, True))
    wanted, given = sum(want for want, _ in outcomes), sum(given for _, given in outcomes)
    f1 = 2 * right / max(1, wanted + given)
    return Abstained(wanted, right / max(1, given), right / max(1, wanted), f1)


def _place(rules: Sequence[Rule], question: Question) -> int:
    """The place of the first rule that answers, from 1 on; 0 when none does."""
    return next((place for place, rule in enumerate(rules, 1) if question.expects & set(rule.items)), 0)


def _question(id_: str, text: str, expects: frozenset[str], knowledge: Knowledge) -> Question:
    names = [knowledge.items[item].name for item in expects]
    titles = [rule.title for item in expects for rule in knowledge.rules_for(item)]
    return Question(id_, text, expects, _strata().shares_word(text, [*names, *titles]))


@cache
def _strata() -> ModuleType:
    """Beside the questions, where no import reaches."""
    spec = importlib.util.spec_from_file_location("waste_rules_strata", FOLDER / "strata.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _words(text: str) -> frozenset[str]:
    return frozenset(re.sub(r"[^\w\s]", " ", text.casefold()).split())
