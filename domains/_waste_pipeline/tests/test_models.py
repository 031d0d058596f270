"""The client: what is sent, how often, and what is counted."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from eco2_waste_pipeline import openai_client
from eco2_waste_pipeline.accounting import Ledger
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import (
    AnswerMalformed,
    InvalidImage,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    TimedOut,
)
from eco2_waste_pipeline.openai_client import Ask, Models

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
ASK = Ask(name="a_name", model="gpt-5.1", instructions="i", note="n", data="d", schema=SCHEMA, max_output_tokens=100)
USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600},
    "output_tokens": 10,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 1010,
}
MakeModels = Callable[..., Models]


def response(*content: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    message = {"type": "message", "id": "m", "role": "assistant", "status": status, "content": list(content)}
    output = [{"type": "reasoning", "id": "r", "summary": []}, message]
    return {"id": "r", "object": "response", "status": status, "output": output, "usage": USAGE, **more}


def said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def whole(*content: dict[str, Any], **more: Any) -> httpx2.Response:
    return httpx2.Response(200, json=response(*content, **more))


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


COMPLETED = {"type": "response.completed", "response": response(said("ab"))}


def events(*events: dict[str, Any]) -> httpx2.Response:
    lines = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, content=lines.encode(), headers={"content-type": "text/event-stream"})


class Answers:
    """One after the other; the last for ever."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


def count(registry: CollectorRegistry, result: str) -> float | None:
    return registry.get_sample_value("eco2_llm_requests_total", {"model": "gpt-5.1", "result": result})


def text_of(parts: Iterator[str]) -> Iterator[str]:
    yield from parts
    yield "end"


def test_what_is_sent(make_models: MakeModels, ledger: Ledger) -> None:
    answers = Answers(whole(said("a"), said("b")))
    ask = Ask(**{**{name: getattr(ASK, name) for name in Ask.__slots__}, "image": "data:image/jpeg;base64,AA=="})
    assert make_models(answers).ask(ask, str, deadline=Deadline(30), ledger=ledger) == "ab"
    [request] = answers.requests
    assert str(request.url) == "http://openai.test/v1/responses"
    assert request.headers["authorization"] == "Bearer key"
    assert json.loads(request.content) == {
        "model": "gpt-5.1",
        "instructions": "i",
        "input": [
            {"role": "developer", "content": "n"},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "d"},
                    {"type": "input_image", "image_url": "data:image/jpeg;base64,AA==", "detail": "high"},
                ],
            },
        ],
        "text": {"format": {"type": "json_schema", "name": "a_name", "strict": True, "schema": SCHEMA}},
        "max_output_tokens": 100,
        "store": False,
        "stream": False,
    }
    assert (ledger.usage.calls, ledger.usage.input_tokens, ledger.usage.output_tokens) == (1, 1000, 10)
    assert ledger.usage.cost_usd == pytest.approx((400 * 1.25 + 600 * 0.125 + 10 * 10) / 1e6)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(whole({"type": "refusal", "refusal": "no"}), ModelRefused, id="refusal"),
        pytest.param(
            whole(status="incomplete", incomplete_details={"reason": "content_filter"}), ModelRefused, id="filter"
        ),
        pytest.param(
            whole(said("{"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            AnswerMalformed,
            id="too-long",
        ),
        pytest.param(whole(status="incomplete"), AnswerMalformed, id="incomplete"),
        pytest.param(whole(status="failed"), ModelUnavailable, id="failed"),
        pytest.param(
            whole(status="failed", error={"code": "server_error", "message": ""}), ModelUnavailable, id="server-error"
        ),
        pytest.param(
            whole(status="failed", error={"code": "rate_limit_exceeded", "message": ""}), ModelRateLimited, id="limit"
        ),
        pytest.param(whole(status="failed", error={"code": "invalid_image", "message": ""}), InvalidImage, id="image"),
        pytest.param(
            whole(status="failed", error={"code": "insufficient_quota", "message": ""}), NotConfigured, id="quota"
        ),
    ],
)
def test_a_response_that_is_no_answer(
    make_models: MakeModels, ledger: Ledger, answer: httpx2.Response, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        make_models(Answers(answer), attempts=1).ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    assert ledger.usage.output_tokens == 10  # they are paid for


def test_without_a_key_nothing_is_sent(make_models: MakeModels, ledger: Ledger) -> None:
    answers = Answers(whole(said("a")))
    models = make_models(answers, key=None)
    with pytest.raises(NotConfigured, match="no OPENAI_API_KEY"):
        models.ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    with pytest.raises(NotConfigured):
        next(models.stream(ASK, text_of, deadline=Deadline(30), ledger=ledger))
    assert answers.requests == []


@pytest.mark.parametrize("status", [429, 500, 408])
def test_another_attempt_may_help(
    make_models: MakeModels, ledger: Ledger, registry: CollectorRegistry, status: int
) -> None:
    answers = Answers(httpx2.Response(status), httpx2.Response(status), whole(said("a")))
    assert make_models(answers).ask(ASK, str, deadline=Deadline(30), ledger=ledger) == "a"
    assert ledger.usage.calls == 3
    assert count(registry, "ok") == 1
    assert count(registry, "rate_limited" if status == 429 else "unavailable") == 2


def test_attempts_end(make_models: MakeModels, ledger: Ledger) -> None:
    answers = Answers(httpx2.Response(500))
    with pytest.raises(ModelUnavailable, match="status 500"):
        make_models(answers, attempts=2).ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    assert len(answers.requests) == 2


@pytest.mark.parametrize(
    "answer", [httpx2.Response(401), httpx2.Response(400), whole({"type": "refusal", "refusal": ""})]
)
def test_the_same_again_would_be_the_same(make_models: MakeModels, ledger: Ledger, answer: httpx2.Response) -> None:
    answers = Answers(answer)
    with pytest.raises((NotConfigured, ModelRefused)):
        make_models(answers).ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    assert len(answers.requests) == 1


def test_an_answer_that_is_no_use_is_asked_for_again(
    make_models: MakeModels, ledger: Ledger, registry: CollectorRegistry
) -> None:
    def read(output: str) -> str:
        if output != "good":
            raise AnswerMalformed("bad")
        return output

    models = make_models(Answers(whole(said("bad")), whole(said("good"))))
    assert models.ask(ASK, read, deadline=Deadline(30), ledger=ledger) == "good"
    assert (count(registry, "malformed"), count(registry, "ok")) == (1, 1)
    assert ledger.usage.output_tokens == 20


class Pauses:
    """Takes the place of sleeping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        monkeypatch.setattr(openai_client.time, "sleep", self.seconds.append)  # type: ignore[attr-defined]


def test_pauses_grow_and_differ(make_models: MakeModels, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_client, "FIRST_PAUSE", 0.5)
    pauses = Pauses(monkeypatch)
    models = make_models(Answers(httpx2.Response(500)), attempts=8)
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            models.ask(ASK, str, deadline=Deadline(60), ledger=ledger)
    runs = [pauses.seconds[start : start + 7] for start in (0, 7, 14)]
    for expected, *found in zip([0.5, 1, 2, 4, 8, 8, 8], *runs, strict=True):
        assert all(expected * 0.75 <= seconds <= expected * 1.25 for seconds in found)
        assert len(set(found)) == 3


def test_it_waits_as_long_as_it_is_told(
    make_models: MakeModels, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(monkeypatch)
    models = make_models(Answers(httpx2.Response(429, headers={"retry-after": "7"}), whole(said("a"))))
    models.ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    [seconds] = pauses.seconds
    assert 7 <= seconds <= 8.75


def test_a_pause_that_is_longer_than_the_run_is_not_begun(
    make_models: MakeModels, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(monkeypatch)
    answers = Answers(httpx2.Response(429, headers={"retry-after": "100"}))
    with pytest.raises(ModelRateLimited) as raised:
        make_models(answers).ask(ASK, str, deadline=Deadline(30), ledger=ledger)
    assert raised.value.retry_after == 100
    assert (len(answers.requests), pauses.seconds) == (1, [])


def test_nothing_is_sent_when_time_is_up(make_models: MakeModels, ledger: Ledger) -> None:
    answers = Answers(whole(said("a")))
    with pytest.raises(TimedOut):
        make_models(answers).ask(ASK, str, deadline=Deadline(0), ledger=ledger)
    assert answers.requests == []


def test_an_answer_in_parts(make_models: MakeModels, ledger: Ledger, registry: CollectorRegistry) -> None:
    created = {"type": "response.created", "response": response(status="in_progress")}
    answers = Answers(events(created, delta("a"), delta(""), delta("b"), COMPLETED))
    models = make_models(answers)
    assert list(models.stream(ASK, text_of, deadline=Deadline(30), ledger=ledger)) == ["a", "b", "end"]
    assert json.loads(answers.requests[0].content)["stream"] is True
    assert count(registry, "ok") == 1
    assert ledger.usage.input_tokens == 1000


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        pytest.param([], ModelUnavailable, id="cut"),
        pytest.param([{"type": "error", "code": "server_error", "message": "m"}], ModelUnavailable, id="error"),
        pytest.param([{"type": "error", "code": "rate_limit_exceeded", "message": "m"}], ModelRateLimited, id="limit"),
        pytest.param([{"type": "response.refusal.delta", "delta": "no"}], ModelRefused, id="refusal"),
        pytest.param([{"type": "response.completed"}], ModelUnavailable, id="nothing-in-it"),
        pytest.param(
            [{"type": "response.failed", "response": response(status="failed")}], ModelUnavailable, id="failed"
        ),
        pytest.param(
            [{"type": "response.incomplete", "response": response(status="incomplete")}], AnswerMalformed, id="long"
        ),
        pytest.param([{"type": "x", "error": {"message": "m", "code": "c"}}], ModelUnavailable, id="old-error"),
    ],
)
@pytest.mark.parametrize("parts", [0, 1])
def test_a_stream_that_ends_badly(
    make_models: MakeModels, ledger: Ledger, last: list[dict[str, Any]], kind: type[Exception], parts: int
) -> None:
    """Before the first part there is another attempt, where it may help; after it there is none."""
    answers = Answers(events(*[delta("a")] * parts, *last), events(delta("b"), COMPLETED))
    stream = make_models(answers).stream(ASK, text_of, deadline=Deadline(30), ledger=ledger)
    seen: list[str] = []
    if parts == 0 and kind is not ModelRefused:
        assert list(stream) == ["b", "end"]
        return
    with pytest.raises(kind):
        seen.extend(stream)
    assert seen == ["a"] * parts
    assert len(answers.requests) == 1


def test_events_that_are_no_json(make_models: MakeModels, ledger: Ledger) -> None:
    bad = httpx2.Response(200, content=b"data: {\n\n", headers={"content-type": "text/event-stream"})
    with pytest.raises(ModelUnavailable, match="not an answer"):
        list(make_models(Answers(bad), attempts=1).stream(ASK, text_of, deadline=Deadline(30), ledger=ledger))


def test_whoever_leaves_closes_the_stream(make_models: MakeModels, ledger: Ledger, registry: CollectorRegistry) -> None:
    closed: list[bool] = []

    class Body(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for event in (delta("a"), delta("b"), COMPLETED):
                yield f"data: {json.dumps(event)}\n\n".encode()

        def close(self) -> None:
            closed.append(True)

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, stream=Body(), headers={"content-type": "text/event-stream"})

    stream = make_models(answer).stream(ASK, text_of, deadline=Deadline(30), ledger=ledger)
    assert next(stream) == "a"
    assert not closed
    stream.close()
    assert closed
    assert count(registry, "abandoned") == 1


def test_what_a_reader_refuses_is_malformed(
    make_models: MakeModels, ledger: Ledger, registry: CollectorRegistry
) -> None:
    def refuse(parts: Iterator[str]) -> Iterator[str]:
        for part in parts:
            if part == "bad":
                raise AnswerMalformed("bad")
            yield part

    answers = Answers(events(delta("bad"), COMPLETED), events(delta("a"), delta("bad"), COMPLETED))
    stream = make_models(answers).stream(ASK, refuse, deadline=Deadline(30), ledger=ledger)
    assert next(stream) == "a"
    with pytest.raises(AnswerMalformed):
        next(stream)
    assert len(answers.requests) == 2
    assert count(registry, "malformed") == 2
    assert count(registry, "abandoned") == 0
