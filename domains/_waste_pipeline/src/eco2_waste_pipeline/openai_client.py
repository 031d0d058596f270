"""OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses.

Every answer has a JSON schema, kept strictly (https://platform.openai.com/docs/guides/structured-outputs), and nothing
is stored there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2
import openai
import structlog
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception

from eco2_waste_pipeline.accounting import Ledger
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import (
    AnswerMalformed,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    PipelineError,
)
from eco2_waste_pipeline.metrics import PipelineMetrics
from eco2_waste_pipeline.openai_errors import by_code, in_our_words
from eco2_waste_pipeline.transport import DeadlineTransport

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 8.0
log = structlog.get_logger("eco2.pipeline")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a model is asked.

    Args:
        name: of the schema, and of the stage.
        instructions: the same for all requests of a stage.
        note: what the developer has to say about this request.
        data: data blocks; may be empty beside an image.
        image: a data URL.
        max_output_tokens: a bound on what a runaway answer costs; what the model thinks counts too.
    """

    name: str
    model: str
    instructions: str
    note: str
    data: str
    schema: Mapping[str, Any]
    max_output_tokens: int
    image: str | None = None


class Models:
    """OpenAI's models.

    Args:
        timeout: seconds for a request.
        attempts: of a request, the pauses between them as long as OpenAI says, or growing; within the run's time.
        transport: carries the requests.
    """

    def __init__(
        self,
        *,
        api_key: SecretStr | None,
        base_url: str,
        timeout: float,
        attempts: int,
        metrics: PipelineMetrics,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._configured = api_key is not None
        self._timeout = timeout
        self._attempts = attempts
        self._metrics = metrics
        self._client = openai.OpenAI(
            api_key=api_key.get_secret_value() if api_key else "none",
            base_url=base_url,
            max_retries=0,  # its pauses, of up to two minutes, do not know when the run has to end
            http_client=httpx2.Client(transport=transport or DeadlineTransport(), trust_env=False),
        )

    def ask(self, ask: Ask, read: Callable[[str], T], *, deadline: Deadline, ledger: Ledger) -> T:
        """What `read` makes of the output. An output for which it raises AnswerMalformed is asked for again.

        Raises:
            PipelineError: of the last attempt.
        """

        def attempt() -> T:
            with self._metrics.request(ask.model), in_our_words(deadline):
                return read(self._output(ask, deadline, ledger))

        return self._with_attempts(ask, deadline, attempt)

    def stream(
        self, ask: Ask, read: Callable[[Iterator[str]], Iterator[T]], *, deadline: Deadline, ledger: Ledger
    ) -> Generator[T, None, None]:
        """What `read` makes of the parts of the output, as they come.

        It is asked for again as long as `read` has given nothing; then an error is the end.

        Args:
            read: gives at least one thing, and takes all parts.

        Raises:
            PipelineError: of the last attempt.
        """

        def begin() -> tuple[T, Generator[T, None, None]]:
            things = self._read(ask, read, deadline, ledger)
            try:
                return next(things), things
            except BaseException:
                things.close()
                raise

        first, rest = self._with_attempts(ask, deadline, begin)
        with closing(rest):
            yield first
            yield from rest

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(
        self, ask: Ask, read: Callable[[Iterator[str]], Iterator[T]], deadline: Deadline, ledger: Ledger
    ) -> Generator[T, None, None]:
        with (
            self._metrics.request(ask.model),
            in_our_words(deadline),
            closing(self._parts(ask, deadline, ledger)) as parts,
        ):
            yield from read(parts)

    def _with_attempts(self, ask: Ask, deadline: Deadline, attempt: Callable[[], T]) -> T:
        if not self._configured:
            raise NotConfigured("no OPENAI_API_KEY")

        def has_no_time(state: RetryCallState) -> bool:
            return state.attempt_number >= self._attempts or deadline.remaining() <= state.upcoming_sleep

        def say(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = error.reason if isinstance(error, PipelineError) else ""
            log.info("asking again", stage=ask.name, model=ask.model, reason=reason, attempt=state.attempt_number)

        retrying = Retrying(
            retry=retry_if_exception(_may_help),
            wait=_pause,
            stop=has_no_time,
            sleep=time.sleep,
            before_sleep=say,
            reraise=True,
        )
        return retrying(attempt)

    def _output(self, ask: Ask, deadline: Deadline, ledger: Ledger) -> str:
        """The whole output."""
        limit = self._begin(deadline, ledger)
        with limit.held():
            response: object = self._client.with_options(timeout=limit.remaining()).responses.create(
                **_request(ask), stream=False
            )
        if not isinstance(response, Response):
            raise ModelUnavailable("not an answer")
        try:
            _account(ask.model, response, ledger)
            return _text(response)
        except (AttributeError, TypeError):  # the client does not check what it is sent
            raise ModelUnavailable("not an answer") from None

    def _parts(self, ask: Ask, deadline: Deadline, ledger: Ledger) -> Generator[str, None, None]:
        """The output in parts."""
        limit = self._begin(deadline, ledger)
        with limit.held():
            events = self._client.with_options(timeout=limit.remaining()).responses.create(**_request(ask), stream=True)
        with events:
            while True:
                with limit.held():
                    event = next(events, None)
                if event is None:
                    raise ModelUnavailable("cut off")
                try:
                    part, is_last = _part(ask.model, event, ledger)
                except (AttributeError, TypeError):
                    raise ModelUnavailable("not an answer") from None
                if part:
                    yield part
                if is_last:
                    return

    def _begin(self, deadline: Deadline, ledger: Ledger) -> Deadline:
        deadline.check()
        ledger.sent()
        return deadline.within(self._timeout)


def _may_help(error: BaseException) -> bool:
    return isinstance(error, ModelUnavailable | ModelRateLimited | AnswerMalformed)


def _pause(state: RetryCallState) -> float:
    """As long as OpenAI says, or growing; up to a quarter more or less, so that many do not come back at once."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ModelRateLimited) and error.retry_after is not None:
        return error.retry_after * random.uniform(1.0, 1.25)  # noqa: S311 - spreads, and hides nothing
    growing: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (state.attempt_number - 1))
    return growing * random.uniform(0.75, 1.25)  # noqa: S311


def _request(ask: Ask) -> dict[str, Any]:
    content = [{"type": "input_text", "text": ask.data}] if ask.data else []
    if ask.image is not None:
        content.append({"type": "input_image", "image_url": ask.image, "detail": "high"})
    messages = [{"role": "developer", "content": ask.note}, {"role": "user", "content": content}]
    return {
        "model": ask.model,
        "instructions": ask.instructions,
        "input": messages,
        "text": {"format": {"type": "json_schema", "name": ask.name, "strict": True, "schema": ask.schema}},
        "max_output_tokens": ask.max_output_tokens,
        "store": False,
    }


def _account(model: str, response: Response, ledger: Ledger) -> None:
    usage = response.usage
    if usage is not None:
        details = getattr(usage, "input_tokens_details", None)
        cached = getattr(details, "cached_tokens", 0) or 0
        ledger.took(model, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cached_tokens=cached)


def _check(response: Response) -> None:
    """Raise for a response that is not complete."""
    if response.error is not None or response.status == "failed":
        raise by_code(response.error.code if response.error else None)
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        if reason == "content_filter":
            raise ModelRefused("refused by a filter")
        raise AnswerMalformed("incomplete")


def _text(response: Response) -> str:
    _check(response)
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    if any(part.type == "refusal" for part in parts):
        raise ModelRefused("refused by the model")
    return "".join(part.text for part in parts if part.type == "output_text")


def _part(model: str, event: ResponseStreamEvent, ledger: Ledger) -> tuple[str, bool]:
    """The text of an event, and whether it is the last."""
    if event.type == "response.output_text.delta":
        return event.delta, False
    if event.type in ("response.refusal.delta", "response.refusal.done"):
        raise ModelRefused("refused by the model")
    if event.type == "error":
        raise by_code(event.code)
    if event.type in ("response.completed", "response.incomplete", "response.failed"):
        _account(model, event.response, ledger)
        _check(event.response)
        return "", True
    return "", False
