"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from eco2_service.problems import NotFound, Unavailable


class ArticleUnknown(NotFound):
    """There is no such article, or no longer."""

    def __init__(self) -> None:
        super().__init__("There is no such article", slug="article-unknown")


class RuleUnknown(NotFound):
    """There is no such rule in this version of the knowledge base."""

    def __init__(self) -> None:
        super().__init__("There is no such rule", slug="rule-unknown")


class Busy(Unavailable):
    """Another import runs, and does not get done."""

    def __init__(self) -> None:
        super().__init__("Another import is under way; try again in a moment", slug="busy")
