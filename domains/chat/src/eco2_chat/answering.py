"""From a message to its answer: what it is, what is done with it, what is kept of it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

import structlog
from prometheus_client import Counter

from eco2_chat.addresses import addresses, plain, without
from eco2_chat.events import error_event, event
from eco2_chat.failures import failed_photo, failed_run, problem_of, reason_of
from eco2_chat.images import Images, ImagesUnavailable, Photo
from eco2_chat.places import Photos, Place
from eco2_chat.schemas import ChatAnswer, CitedRule, Exchange, Kind, NewMessage, Piece, Reason
from eco2_chat.store import Conversations, Said, Ticket
from eco2_service.metrics import Metrics
from eco2_service.problems import Problem
from eco2_waste_pipeline import results
from eco2_waste_pipeline.errors import PipelineError
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.threads import Busy, Threads

CONTEXT: Final = 5
"""Exchanges that an answer may refer to: as many turns as the pipeline looks at."""
_OK: Final = "ok"
_ERROR: Final = "error"
P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger("eco2.chat")


@dataclass(frozen=True, slots=True)
class Question:
    """A message that is about to be answered.

    Args:
        place: is kept as long as a thread works on it.
        text: what is asked; the message, without the address of its photo.
        lost: why its photo could not be had.
    """

    ticket: Ticket
    place: Place
    kind: Kind
    message: str
    text: str
    photo: Photo | None
    turns: tuple[results.Turn, ...]
    lost: Reason | None = None


class Answering:
    """Answers messages.

    Args:
        cdn_base_url: where users' images are found; None: no address in a message is a photo.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        threads: Threads,
        conversations: Conversations,
        images: Images,
        photos: Photos,
        cdn_base_url: str | None,
        metrics: Metrics,
    ) -> None:
        self._pipeline = pipeline
        self._threads = threads
        self._conversations = conversations
        self._images = images
        self._photos = photos
        self._cdn_base_url = cdn_base_url
        self._messages = Counter(
            "eco2_chat_messages", "Messages of users", ("kind", "result"), registry=metrics.registry
        )

    async def question(self, user_id: str, new: NewMessage, place: Place) -> Question:
        """What a message is: a photo by its id or by the address of one of the user's own, else text.

        Raises:
            ImageUnknown, ImageNotReady, UserDeleted
        """
        ticket, earlier = await self._conversations.open(user_id, context=CONTEXT)
        turns = tuple(_turns(earlier))
        try:
            photo, text = await self._photo(user_id, new, place)
        except (ImagesUnavailable, Busy) as error:
            lost = Reason.BUSY if isinstance(error, Busy) else Reason.IMAGE_UNAVAILABLE
            log.warning("no photo", reason=str(error) or lost.value)
            return Question(ticket, place, Kind.IMAGE, new.message, new.message, None, turns, lost)
        kind = Kind.TEXT if photo is None else Kind.IMAGE
        return Question(ticket, place, kind, new.message, text, photo, turns)

    async def _photo(self, user_id: str, new: NewMessage, place: Place) -> tuple[Photo | None, str]:
        image_id, text = new.image_id, new.message
        if image_id is None:
            image_id, text = await self._linked(user_id, new.message)
        if image_id is None:
            return None, text
        await self._photos.take(place)
        return await self._images.read(user_id, image_id), text

    async def _linked(self, user_id: str, message: str) -> tuple[uuid.UUID | None, str]:
        """The id of the user's photo whose address is in a message, and the message without it."""
        if self._cdn_base_url is not None:
            for address in addresses(message, self._cdn_base_url):
                image_id = await self._images.find(user_id, plain(address))
                if image_id is not None:
                    return image_id, without(message, address)
        return None, message

    async def answer(self, question: Question) -> ChatAnswer:
        """The answer, kept in the history. Of a photo that failed: that it did.

        Raises:
            Problem: of `failures.problem_of` for a text; UserDeleted.
        """
        with self._counted(question) as count:
            if question.lost is not None:
                count.result = question.lost
                return failed_photo(question.lost)
            try:
                result = await self._run(question)
            except (PipelineError, Busy) as error:
                count.result = reason_of(error)
                if question.kind is Kind.TEXT:
                    raise problem_of(error) from error
                return failed_run(error)
            return await self._kept(question, result)

    async def stream(self, question: Question) -> AsyncGenerator[bytes, None]:
        """The same as events. Closed before the end, the run is given up and nothing is kept."""
        with self._counted(question) as count:
            if question.lost is not None:
                count.result = question.lost
                yield event("result", failed_photo(question.lost))
                return
            try:
                async with aclosing(self._pieces(question)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, results.TextPiece):
                            yield event("piece", Piece(text=piece.text))
                        else:
                            yield event("result", await self._kept(question, piece.result))
            except (PipelineError, Busy) as error:
                count.result = reason_of(error)
                if question.kind is Kind.TEXT:
                    yield error_event(problem_of(error))
                else:
                    yield event("result", failed_run(error))
            except Problem as problem:
                count.result = _ERROR
                yield error_event(problem)

    async def _run(self, question: Question) -> results.ImageResult | results.TextResult:
        place, pipeline, text, turns = question.place, self._pipeline, question.text, question.turns
        if question.photo is None:
            return await self._threads.run(_kept_by(place, pipeline.answer_text), text, history=turns)
        return await self._threads.run(
            _kept_by(place, pipeline.classify_image), question.photo.content, question=text, history=turns
        )

    def _pieces(self, question: Question) -> AsyncGenerator[results.Piece, None]:
        place, pipeline, text, turns = question.place, self._pipeline, question.text, question.turns
        if question.photo is None:
            return self._threads.stream(_pieces_kept_by(place, pipeline.stream_text), text, history=turns)
        return self._threads.stream(
            _pieces_kept_by(place, pipeline.stream_image), question.photo.content, question=text, history=turns
        )

    async def _kept(self, question: Question, result: results.ImageResult | results.TextResult) -> ChatAnswer:
        photo = question.photo
        said = Said(
            kind=question.kind,
            message=question.message,
            image_id=None if photo is None else photo.id,
            answer=result.answer.text,
            rules=[CitedRule(id=rule.id, title=rule.title, verified=rule.verified) for rule in result.rules],
        )
        return _answer(question, result, await self._conversations.keep(question.ticket, said))

    @contextmanager
    def _counted(self, question: Question) -> Iterator[_Count]:
        """Count the message when it is done, also when whoever asked has gone."""
        count = _Count()
        try:
            yield count
        except Exception:
            if count.result == _OK:
                count.result = _ERROR
            raise
        except BaseException:  # cancelled, or its events are read no more
            count.result = "left"
            raise
        finally:
            self._messages.labels(question.kind.value, count.result).inc()


@dataclass(slots=True)
class _Count:
    """How a message is counted: ``ok``, a Reason, ``error`` or ``left``."""

    result: str = _OK


def _kept_by(place: Place, work: Callable[P, T]) -> Callable[P, T]:
    """Work of a thread that keeps the place until it ends, whoever waits for it."""

    def kept(*args: P.args, **kwargs: P.kwargs) -> T:
        with place.in_thread():
            return work(*args, **kwargs)

    return kept


def _pieces_kept_by(place: Place, work: Callable[P, Generator[T, None, None]]) -> Callable[P, Generator[T, None, None]]:
    """The same of a stream."""

    def kept(*args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        with place.in_thread(), closing(work(*args, **kwargs)) as pieces:
            yield from pieces

    return kept


def _answer(
    question: Question, result: results.ImageResult | results.TextResult, identifier: uuid.UUID | None
) -> ChatAnswer:
    answer = ChatAnswer(id=identifier, kind=question.kind, answer=result.answer.text, rules=result.rules)
    if isinstance(result, results.ImageResult):
        return answer.model_copy(update={"vision": result.vision})
    return answer.model_copy(update={"intent": result.intent, "priority": result.priority})


def _turns(earlier: Sequence[Exchange]) -> Iterator[results.Turn]:
    """What was said before: all of it is data to the pipeline, also what looks like an instruction."""
    for exchange in earlier:
        yield results.Turn(role="user", text=exchange.message)
        yield results.Turn(role="assistant", text=exchange.answer)
