"""The last stage: what the user is told."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any, Final

import orjson

from eco2_waste_pipeline.growing import GrowingAnswer
from eco2_waste_pipeline.guard import OutputGuard, data_blocks, new_fence
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_client import Ask, Models
from eco2_waste_pipeline.prompts import Prompts, fixed
from eco2_waste_pipeline.results import Answer, TextPiece
from eco2_waste_pipeline.run import Run
from eco2_waste_pipeline.schemas import TEXT, record, some_of
from eco2_waste_rules.models import Rule

NAME: Final = "answer_generation"
_MAX_OUTPUT_TOKENS: Final = 4000


class AnswerStage:
    """Writes answers that rest on rules, or on nothing where nothing has to be known."""

    def __init__(self, *, models: Models, model: str, prompts: Prompts, metrics: PipelineMetrics) -> None:
        self._models = models
        self._model = model
        self._prompt = prompts.answer
        self._metrics = metrics

    def write(
        self,
        run: Run,
        rules: tuple[Rule, ...],
        *,
        vision: Mapping[str, Any] | None = None,
        classification: Mapping[str, Any] | None = None,
        otherwise: str,
        stream: bool,
    ) -> Generator[TextPiece, None, Answer]:
        """The answer; its text in pieces before.

        Args:
            vision: for a data block.
            classification: for a data block.
            otherwise: the text when the model finds that the rules are not about the question: what it says then
                rests on nothing and is not shown.
            stream: ask for the answer in parts; else there is one piece, the whole text.

        Raises:
            PipelineError: what the models' client raises; AnswerMalformed also for what must not be shown.
        """
        fence = new_fence()
        given = _given(rules)
        blocks = {
            "history": run.history_block,
            "classification": classification,
            "vision": vision,
            "question": run.question_block,
            "rules": given,
        }
        ask = Ask(
            name=NAME,
            model=self._model,
            instructions=self._prompt.text,
            note=Prompts.note(fence),
            data=data_blocks(blocks, fence),
            schema=_schema(rules),
            max_output_tokens=_MAX_OUTPUT_TOKENS,
        )
        guard = OutputGuard(
            fence=fence, instructions=self._prompt.passages, given=orjson.dumps(given).decode() if given else ""
        )

        reader = GrowingAnswer(guard, [rule.id for rule in rules], [rule.id for rule in rules if rule.verified])
        with self._metrics.stage("answer"):
            answer = yield from self._pieces(ask, reader, run, stream=stream)
        if rules and not answer.rule_ids:
            answer = Answer(text=otherwise)
            yield TextPiece(text=otherwise)
        elif _is_unverified(rules, answer):
            note = f"\n\n{fixed('unverified')}"
            answer = answer.model_copy(update={"text": answer.text + note})
            yield TextPiece(text=note)
        return answer

    def _pieces(self, ask: Ask, reader: GrowingAnswer, run: Run, *, stream: bool) -> Generator[TextPiece, None, Answer]:
        if not stream:
            answer = self._models.ask(ask, reader.whole, deadline=run.deadline, ledger=run.ledger)
            if reader.is_shown(answer):
                yield TextPiece(text=answer.text)
            return answer
        with closing(self._models.stream(ask, reader.read, deadline=run.deadline, ledger=run.ledger)) as parts:
            answer = Answer(text="")  # a reader ends with the real one
            for part in parts:  # to the end: a request that is left before counts as abandoned
                if isinstance(part, Answer):
                    answer = part
                else:
                    yield TextPiece(text=part)
        return answer


def _schema(rules: tuple[Rule, ...]) -> dict[str, Any]:
    if not rules:
        return record(text=TEXT)
    return record(rule_ids=some_of(rule.id for rule in rules), text=TEXT)


def _given(rules: tuple[Rule, ...]) -> dict[str, Any] | None:
    """The rules, for a data block."""
    if not rules:
        return None
    return {
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "summary": rule.summary,
                "steps": list(rule.steps),
                "cautions": list(rule.cautions),
                "not_this": list(rule.not_this),
                "official": rule.verified,
            }
            for rule in rules
        ]
    }


def _is_unverified(rules: tuple[Rule, ...], answer: Answer) -> bool:
    return any(rule.id in answer.rule_ids and not rule.verified for rule in rules)
