"""The first stage of a question: what it wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from eco2_waste_pipeline.errors import AnswerMalformed
from eco2_waste_pipeline.guard import cleaned, data_blocks, new_fence
from eco2_waste_pipeline.openai_client import Ask, Models
from eco2_waste_pipeline.prompts import Prompts
from eco2_waste_pipeline.results import Intent, Priority
from eco2_waste_pipeline.run import Run
from eco2_waste_pipeline.schemas import TEXT, one_of, one_of_or_none, record
from eco2_waste_rules.knowledge import Knowledge

NAME: Final = "text_classification"
MAX_SEARCH_TEXT: Final = 300
_MAX_OUTPUT_TOKENS: Final = 2000


class _Read(BaseModel):
    """The output of the model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    intent: Intent
    priority: Priority
    item_id: str | None
    search_text: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What a question wants.

    Args:
        search_text: the question, made to stand without the conversation before it.
    """

    intent: Intent
    priority: Priority
    item_id: str | None
    search_text: str


class TextStage:
    """Classifies questions."""

    def __init__(self, *, models: Models, model: str, knowledge: Knowledge, prompts: Prompts) -> None:
        self._models = models
        self._model = model
        self._items = frozenset(knowledge.items)
        self._prompt = prompts.text
        self._schema = record(
            intent=one_of(get_args(Intent)),
            priority=one_of(get_args(Priority)),
            item_id=one_of_or_none(knowledge.items),
            search_text=TEXT,
        )

    def classify(self, run: Run) -> Classification:
        """Of the run's question, after its conversation. Raises a PipelineError."""
        fence = new_fence()
        ask = Ask(
            name=NAME,
            model=self._model,
            instructions=self._prompt.text,
            note=Prompts.note(fence),
            data=data_blocks({"history": run.history_block, "question": {"text": run.question}}, fence),
            schema=self._schema,
            max_output_tokens=_MAX_OUTPUT_TOKENS,
        )
        return self._models.ask(ask, self._classification, deadline=run.deadline, ledger=run.ledger)

    def _classification(self, output: str) -> Classification:
        """Raises AnswerMalformed."""
        try:
            read = _Read.model_validate_json(output)
        except ValidationError:
            raise AnswerMalformed("not what was asked for") from None
        if read.item_id is not None and read.item_id not in self._items:
            raise AnswerMalformed("unknown item")
        return Classification(read.intent, read.priority, read.item_id, cleaned(read.search_text, MAX_SEARCH_TEXT))
