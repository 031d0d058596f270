"""Vision -> Lite RAG -> Answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from eco2_waste_pipeline.accounting import Accounting, Ledger
from eco2_waste_pipeline.answer import AnswerStage
from eco2_waste_pipeline.azure_vision import AzureVision
from eco2_waste_pipeline.cache import Cache, NoCache
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import PipelineError
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_client import Models
from eco2_waste_pipeline.prompts import Prompts, fixed
from eco2_waste_pipeline.results import (
    Answer,
    ImageResult,
    Piece,
    ResultPiece,
    RuleReference,
    TextPiece,
    TextResult,
    Turn,
    Vision,
)
from eco2_waste_pipeline.retrieval import Retrieval
from eco2_waste_pipeline.run import Run
from eco2_waste_pipeline.settings import PipelineSettings
from eco2_waste_pipeline.text import Classification, TextStage
from eco2_waste_pipeline.vision import VisionStage
from eco2_waste_rules.knowledge import Knowledge, load_knowledge
from eco2_waste_rules.models import Rule
from eco2_waste_rules.search import RuleIndex

_ASKS_FOR_RULES: Final = frozenset({"disposal_question", "location_question"})
log = structlog.get_logger("eco2.pipeline")
R = TypeVar("R")


class Pipeline:
    """From a photo or a question to an answer. Synchronous, and safe to be used by many threads at once.

    Make it with `from_settings`, after a process has forked. Its methods raise a PipelineError when there is no result:

    * NotConfigured, ModelRefused, InvalidImage: the same again gives the same;
    * ModelUnavailable, ModelRateLimited, AnswerMalformed, TimedOut: later it may be better (`retryable`).
    """

    def __init__(
        self,
        settings: PipelineSettings,
        *,
        knowledge: Knowledge,
        index: RuleIndex,
        models: Models,
        azure: AzureVision | None,
        metrics: PipelineMetrics,
        cache: Cache,
    ) -> None:
        prompts = Prompts(knowledge)
        self._seconds = settings.pipeline_timeout_seconds
        self._metrics = metrics
        self._accounting = Accounting(metrics, settings.openai_prices)
        self._models = models
        self._azure = azure
        self._cache = cache
        self._items = knowledge.items
        self._retrieval = Retrieval(knowledge, index)
        self._text = TextStage(models=models, model=settings.openai_model_text, knowledge=knowledge, prompts=prompts)
        self._answer = AnswerStage(models=models, model=settings.openai_model_text, prompts=prompts, metrics=metrics)
        self._vision = VisionStage(
            models=models,
            model=settings.openai_model_vision,
            azure=azure,
            knowledge=knowledge,
            prompts=prompts,
            metrics=metrics,
            cache=cache,
            cache_seconds=settings.pipeline_cache_seconds,
        )

    @classmethod
    def from_settings(
        cls, settings: PipelineSettings, *, registry: CollectorRegistry, cache: Cache | None = None
    ) -> Self:
        """With the built-in knowledge. Nothing is connected before it is used; without a key it can be made, too.

        Args:
            registry: the metrics join it; one pipeline for each.
            cache: of what is in pictures; it is closed with the pipeline.

        Raises:
            KnowledgeInvalid: the knowledge of eco2_waste_rules is at fault.
        """
        metrics = PipelineMetrics(registry, (settings.openai_model_vision, settings.openai_model_text))
        azure = None
        if settings.azure_vision_endpoint is not None and settings.azure_vision_key is not None:
            azure = AzureVision(settings.azure_vision_endpoint, settings.azure_vision_key)
        models = Models(
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
            timeout=settings.openai_timeout_seconds,
            attempts=settings.openai_attempts,
            metrics=metrics,
        )
        knowledge = load_knowledge()
        return cls(
            settings,
            knowledge=knowledge,
            index=RuleIndex(knowledge),
            models=models,
            azure=azure,
            metrics=metrics,
            cache=cache or NoCache(),
        )

    def classify_image(self, image: bytes, *, question: str = "", history: Sequence[Turn] = ()) -> ImageResult:
        """What is in a picture, and how it is thrown away.

        Args:
            image: a JPEG, PNG or WebP.
            question: of the user, beside it.
            history: the conversation before it.

        Raises:
            PipelineError: InvalidImage and all others.
        """
        return _last(self._image(image, question, history, stream=False))

    def answer_text(self, question: str, *, history: Sequence[Turn] = ()) -> TextResult:
        """An answer to a question. Raises a PipelineError."""
        return _last(self._question(question, history, stream=False))

    def stream_image(
        self, image: bytes, *, question: str = "", history: Sequence[Turn] = ()
    ) -> Generator[Piece, None, None]:
        """`classify_image` in pieces: its answer's text, then the result.

        An error may come after pieces. Close the generator when the rest is not wanted.
        """
        yield ResultPiece(result=(yield from self._image(image, question, history, stream=True)))

    def stream_text(self, question: str, *, history: Sequence[Turn] = ()) -> Generator[Piece, None, None]:
        """`answer_text` in pieces, as `stream_image`."""
        yield ResultPiece(result=(yield from self._question(question, history, stream=True)))

    def close(self) -> None:
        """Close all connections, those of the cache too."""
        self._models.close()
        if self._azure is not None:
            self._azure.close()
        self._cache.close()

    def __enter__(self) -> Self:
        """Nothing is connected before it is used."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _image(
        self, image: bytes, question: str, history: Sequence[Turn], *, stream: bool
    ) -> Generator[TextPiece, None, ImageResult]:
        with self._run("image", question, history) as run:
            vision, cached = self._vision.look(image, run)
            item = self._items[vision.item_id] if vision.item_id is not None else None
            rules = self._rules(item.id, run.question) if item is not None else ()
            if item is not None and rules:
                otherwise = fixed("not_in_rules", item=item.name)
                answer = yield from self._answer.write(
                    run, rules, vision=self._seen(vision), otherwise=otherwise, stream=stream
                )
            else:
                answer = yield from _say(self._without_rules(vision))
            return ImageResult(
                vision=vision,
                rules=_references(rules),  # they are right for the item, whatever was asked beside it
                answer=answer,
                usage=run.ledger.usage,
                cached=cached,
            )

    def _question(
        self, question: str, history: Sequence[Turn], *, stream: bool
    ) -> Generator[TextPiece, None, TextResult]:
        with self._run("text", question, history) as run:
            with self._metrics.stage("text"):
                wants = self._text.classify(run)
            asks = wants.intent in _ASKS_FOR_RULES
            texts = (run.question, wants.search_text) if run.turns else (run.question,)
            rules = self._rules(wants.item_id, *texts) if asks else ()
            otherwise = fixed("location") if wants.intent == "location_question" else self._no_rule(wants.item_id)
            if rules or not asks:
                answer = yield from self._answer.write(
                    run, rules, classification=self._classified(wants), otherwise=otherwise, stream=stream
                )
            else:
                answer = yield from _say(otherwise)
            return TextResult(
                intent=wants.intent,
                priority=wants.priority,
                item_id=wants.item_id,
                rules=_references(rules) if answer.rule_ids else (),  # else they are about something else
                answer=answer,
                usage=run.ledger.usage,
            )

    @contextmanager
    def _run(self, kind: str, question: str, history: Sequence[Turn]) -> Iterator[Run]:
        """One run: its time, its accounts, and a line in the log, in which nothing of the user is."""
        begin = time.perf_counter()
        ledger = Ledger(self._accounting)
        result = "error"
        try:
            with self._metrics.stage("run"):
                yield Run.of(question, history, deadline=Deadline(self._seconds), ledger=ledger)
            result = "ok"
        except GeneratorExit:
            result = "abandoned"
            raise
        except PipelineError as error:
            result = error.reason
            raise
        finally:
            seconds = round(time.perf_counter() - begin, 3)
            log.info("run", kind=kind, result=result, seconds=seconds, **ledger.usage.model_dump())

    def _rules(self, item_id: str | None, *texts: str) -> tuple[Rule, ...]:
        with self._metrics.stage("retrieval"):
            return self._retrieval.find(item_id, *texts)

    def _without_rules(self, vision: Vision) -> str:
        if not vision.is_waste:
            return fixed("not_waste")
        return self._no_rule(vision.item_id) if vision.item_id is not None else fixed("unknown_item")

    def _no_rule(self, item_id: str | None) -> str:
        return fixed("no_rule") if item_id is None else fixed("no_rule", item=self._items[item_id].name)

    def _seen(self, vision: Vision) -> Mapping[str, Any]:
        """For a data block."""
        return {
            "item": self._items[vision.item_id].name if vision.item_id is not None else None,
            "labels": vision.labels.model_dump() if vision.labels else None,
            "description": vision.description,
            "situations": [tag.description for tag in vision.situation_tags],
        }

    def _classified(self, wants: Classification) -> Mapping[str, Any]:
        """For a data block."""
        item = self._items[wants.item_id].name if wants.item_id is not None else None
        return {"intent": wants.intent, "priority": wants.priority, "item": item}


def _say(text: str) -> Generator[TextPiece, None, Answer]:
    """An answer that no model writes."""
    yield TextPiece(text=text)
    return Answer(text=text)


def _references(rules: Sequence[Rule]) -> tuple[RuleReference, ...]:
    return tuple(
        RuleReference(id=rule.id, title=rule.title, verified=rule.verified, sources=rule.sources) for rule in rules
    )


def _last(pieces: Generator[object, None, R]) -> R:
    """What a generator returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            result: R = end.value
            return result
