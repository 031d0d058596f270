"""The first stage of a picture: what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco2_waste_pipeline.azure_vision import AzureVision
from eco2_waste_pipeline.cache import Cache
from eco2_waste_pipeline.errors import AnswerMalformed
from eco2_waste_pipeline.guard import OutputGuard, cleaned, data_blocks, new_fence
from eco2_waste_pipeline.images import Images, data_url
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_client import Ask, Models
from eco2_waste_pipeline.prompts import Prompts
from eco2_waste_pipeline.results import Situation, Vision
from eco2_waste_pipeline.run import Run
from eco2_waste_pipeline.schemas import NUMBER, TEXT, YES_OR_NO, one_of_or_none, record, some_of
from eco2_waste_rules.knowledge import Knowledge

NAME: Final = "vision_classification"
MIN_CONFIDENCE: Final = 0.5
"""Below it an item is as good as not known."""
CERTAIN: Final = 0.7
"""From here on a result is kept for the next time."""
MAX_DESCRIPTION: Final = 200
_MAX_OUTPUT_TOKENS: Final = 2000
log = structlog.get_logger("eco2.pipeline")


class _Seen(BaseModel):
    """The output of the model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    description: str
    is_waste: bool
    item_id: str | None
    confidence: float = Field(ge=0, le=1)
    situation_tags: list[str]


class VisionStage:
    """Looks at pictures.

    Args:
        azure: gives words to the prompt; None: nobody does.
        cache_seconds: how long a certain result is kept; 0: not at all.
    """

    def __init__(
        self,
        *,
        models: Models,
        model: str,
        azure: AzureVision | None,
        knowledge: Knowledge,
        prompts: Prompts,
        metrics: PipelineMetrics,
        cache: Cache,
        cache_seconds: int,
    ) -> None:
        self._models = models
        self._model = model
        self._azure = azure
        self._items = knowledge.items
        self._tags = knowledge.tags
        self._prompt = prompts.vision
        self._metrics = metrics
        self._cache = cache
        self._cache_seconds = cache_seconds
        self._images = Images()
        self._schema = record(
            description=TEXT,
            is_waste=YES_OR_NO,
            item_id=one_of_or_none(self._items),
            confidence=NUMBER,
            situation_tags=some_of(self._tags),
        )
        depends_on = [self._prompt.text, self._schema, model, azure is not None]
        self._version = hashlib.sha256(orjson.dumps(depends_on)).hexdigest()[:16]

    def look(self, image: bytes, run: Run) -> tuple[Vision, bool]:
        """What is in a picture, and whether that was known before.

        The user's question is not shown to the model: what is in a picture does not depend on it.

        Raises:
            PipelineError: InvalidImage, or what the models' client raises.
        """
        key = f"vision:{self._version}:{hashlib.sha256(image).hexdigest()}"
        known = self._known(key)
        if known is not None:
            return known, True
        with self._metrics.stage("image"):
            jpeg = self._images.prepare(image, deadline=run.deadline)
        words = None
        if self._azure is not None:
            with self._metrics.stage("azure"):
                words = self._azure.describe(jpeg, deadline=run.deadline)
        with self._metrics.stage("vision"):
            vision = self._ask(jpeg, words, run)
        is_certain = vision.confidence >= CERTAIN and (vision.item_id is not None or not vision.is_waste)
        if self._cache_seconds and is_certain:
            self._cache.set(key, vision.model_dump_json().encode(), self._cache_seconds)
        return vision, False

    def _known(self, key: str) -> Vision | None:
        if not self._cache_seconds or (kept := self._cache.get(key)) is None:
            return None
        try:
            return Vision.model_validate_json(kept)
        except ValidationError:
            log.warning("what was in the cache is no result")
            return None

    def _ask(self, jpeg: bytes, words: Mapping[str, Any] | None, run: Run) -> Vision:
        fence = new_fence()
        guard = OutputGuard(fence=fence, instructions=self._prompt.passages)
        ask = Ask(
            name=NAME,
            model=self._model,
            instructions=self._prompt.text,
            note=Prompts.note(fence),
            data=data_blocks({"azure": words}, fence),
            schema=self._schema,
            max_output_tokens=_MAX_OUTPUT_TOKENS,
            image=data_url(jpeg),
        )
        return self._models.ask(
            ask, lambda output: self._vision(output, guard), deadline=run.deadline, ledger=run.ledger
        )

    def _vision(self, output: str, guard: OutputGuard) -> Vision:
        """Raises AnswerMalformed."""
        try:
            seen = _Seen.model_validate_json(output)
        except ValidationError:
            raise AnswerMalformed("not what was asked for") from None
        if (seen.item_id is not None and seen.item_id not in self._items) or not set(seen.situation_tags) <= set(
            self._tags
        ):
            raise AnswerMalformed("unknown item or tag")
        guard.check(seen.description)
        is_known = seen.is_waste and seen.confidence >= MIN_CONFIDENCE
        item = self._items[seen.item_id] if seen.item_id is not None and is_known else None
        tags = [self._tags[name] for name in dict.fromkeys(seen.situation_tags)] if seen.is_waste else []
        return Vision(
            item_id=item.id if item else None,
            labels=item.labels if item else None,
            confidence=seen.confidence,
            is_waste=seen.is_waste,
            description=cleaned(seen.description, MAX_DESCRIPTION),
            situation_tags=tuple(
                Situation(
                    id=tag.id, name=tag.name, description=tag.description, insufficiency=tag.kind == "insufficiency"
                )
                for tag in tags
            ),
        )
