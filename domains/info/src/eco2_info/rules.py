"""The disposal rules of the knowledge base, as they are answered. They come with the program, not from the database."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice

from eco2_info.documents import document_of_rule
from eco2_info.errors import RuleUnknown
from eco2_info.schemas import Rule, RuleCard, Source
from eco2_waste_rules import models
from eco2_waste_rules.knowledge import Knowledge


class Rules:
    """All rules, by id; and as the documents that can be found."""

    def __init__(self, knowledge: Knowledge) -> None:
        known = sorted(knowledge.rules.values(), key=lambda rule: rule.id)
        self._rules = {rule.id: _answered(rule, knowledge) for rule in known}
        self._ids = list(self._rules)
        self.documents = tuple(document_of_rule(self._rules[rule.id], _names(rule, knowledge)) for rule in known)

    def page(self, *, category: str | None, after: str | None, limit: int) -> list[RuleCard]:
        """Up to `limit` rules whose ids come after `after`.

        Args:
            category: a middle one, such as 종이팩.
        """
        start = 0 if after is None else bisect_right(self._ids, after)
        rules = (self._rules[name] for name in self._ids[start:])
        chosen = (rule for rule in rules if category is None or rule.middle == category)
        return [RuleCard.model_validate(rule, from_attributes=True) for rule in islice(chosen, limit)]

    def read(self, rule_id: str) -> Rule:
        """One rule. Raises RuleUnknown."""
        try:
            return self._rules[rule_id]
        except KeyError:
            raise RuleUnknown from None


def _answered(rule: models.Rule, knowledge: Knowledge) -> Rule:
    return Rule(
        id=rule.id,
        title=rule.title,
        summary=rule.summary,
        major=rule.major,
        middle=rule.middle,
        minor=rule.minor,
        verified=rule.verified,
        items=[knowledge.items[item].name for item in rule.items],
        steps=list(rule.steps),
        cautions=list(rule.cautions),
        not_this=list(rule.not_this),
        sources=[Source.model_validate(source, from_attributes=True) for source in rule.sources],
    )


def _names(rule: models.Rule, knowledge: Knowledge) -> list[str]:
    """Other words for what a rule is for."""
    return [*rule.keywords, *(alias for item in rule.items for alias in knowledge.items[item].aliases)]
