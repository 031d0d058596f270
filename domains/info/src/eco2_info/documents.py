"""What can be found, as the search has it: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from eco2_info.entry import Entry
from eco2_info.schemas import Rule
from eco2_info.tsvector import Weight, search_tokens, tsvector


@dataclass(frozen=True, slots=True)
class Document:
    """An article or a rule.

    Args:
        text: what snippets are cut from.
        vector: the literal of its tsvector.
        terms: its tokens, each once.
    """

    kind: Literal["article", "rule"]
    id: str
    title: str
    category: str
    text: str
    verified: bool
    vector: str
    terms: frozenset[str]


def document_of_article(entry: Entry) -> Document:
    """An article: its title says most, then its tags."""
    text = f"{entry.summary}\n{entry.body}"
    vector, terms = _tokens(("A", [entry.title]), ("B", [entry.category, *entry.tags]), ("D", [text]))
    return Document(
        kind="article",
        id=entry.id,
        title=entry.title,
        category=entry.category,
        text=text,
        verified=entry.verified,
        vector=vector,
        terms=terms,
    )


def document_of_rule(rule: Rule, names: Sequence[str]) -> Document:
    """A disposal rule: its title says most, then what people call the things it is for.

    Args:
        names: other words for these things; searched and not shown.
    """
    text = "\n".join([rule.summary, *rule.steps, *rule.cautions])
    called = [*rule.items, *names, rule.middle, *([rule.minor] if rule.minor else [])]
    vector, terms = _tokens(("A", [rule.title]), ("B", called), ("D", [text]))
    return Document(
        kind="rule",
        id=rule.id,
        title=rule.title,
        category=rule.middle,
        text=text,
        verified=rule.verified,
        vector=vector,
        terms=terms,
    )


def _tokens(*parts: tuple[Weight, Sequence[str]]) -> tuple[str, frozenset[str]]:
    found = [(weight, [token for text in texts for token in search_tokens(text)]) for weight, texts in parts]
    return tsvector(found), frozenset(token for _, tokens in found for token in tokens)
