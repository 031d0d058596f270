"""Lite RAG: the rules for what was seen or asked."""

from __future__ import annotations

from typing import Final

from eco2_waste_rules.knowledge import Knowledge
from eco2_waste_rules.models import Rule
from eco2_waste_rules.search import RuleIndex

MAX_RULES: Final = 4
FOUND: Final = 3
"""Of these at most so many by the words of the question."""


class Retrieval:
    """Finds rules by the item, and by the words of the question."""

    def __init__(self, knowledge: Knowledge, index: RuleIndex) -> None:
        self._knowledge = knowledge
        self._index = index

    def find(self, item_id: str | None, *texts: str) -> tuple[Rule, ...]:
        """At most `MAX_RULES`, those of the item first; none when nothing here answers it.

        Args:
            texts: the question, and other forms of it; the same words are searched for once.
        """
        rules: dict[str, Rule] = {}
        if item_id is not None:
            rules.update((rule.id, rule) for rule in self._knowledge.rules_for(item_id))
        words = " ".join(dict.fromkeys(text for text in texts if text))
        if words:
            named = f"{words} {self._knowledge.items[item_id].name}" if item_id is not None else words
            rules.update((hit.rule.id, hit.rule) for hit in self._index.search(named, limit=FOUND))
        return tuple(rules.values())[:MAX_RULES]
