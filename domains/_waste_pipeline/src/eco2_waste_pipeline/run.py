"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eco2_waste_pipeline.accounting import Ledger
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.guard import cleaned
from eco2_waste_pipeline.results import Turn

MAX_QUESTION: Final = 2000
"""Characters; what is longer is cut."""
MAX_TURNS: Final = 10
MAX_TURN: Final = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Args:
        question: of the user, cleaned; may be empty beside a picture.
        turns: the last messages before it, cleaned.
    """

    deadline: Deadline
    ledger: Ledger
    question: str
    turns: tuple[Turn, ...]

    @classmethod
    def of(cls, question: str, history: Sequence[Turn], *, deadline: Deadline, ledger: Ledger) -> Run:
        """With what users say bounded and cleaned."""
        turns = tuple(
            Turn(role=turn.role, text=text) for turn in history[-MAX_TURNS:] if (text := cleaned(turn.text, MAX_TURN))
        )
        return cls(deadline=deadline, ledger=ledger, question=cleaned(question, MAX_QUESTION), turns=turns)

    @property
    def question_block(self) -> dict[str, Any] | None:
        """The question, for a data block."""
        return {"text": self.question} if self.question else None

    @property
    def history_block(self) -> dict[str, Any] | None:
        """The conversation, for a data block."""
        return {"turns": [turn.model_dump() for turn in self.turns]} if self.turns else None
