"""What goes wrong on demand, as OpenAI's own client sees it."""

import time
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel, ValidationError
from support.waits import eventually

from eco2_model_server.pictures import picture
from eco2_model_server.testing import RunningModelServer


class Answer(BaseModel):
    answer: str
    rule_ids: list[str]


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.responses.create(model="gpt-5.1", input="?", **more)


def stream(client: openai.OpenAI, **more: Any) -> list[Any]:
    return list(client.responses.create(model="gpt-5.1", input="?", stream=True, **more))


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, openai.AuthenticationError, "invalid_api_key"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, None),
        (503, openai.InternalServerError, None),
        (418, openai.APIStatusError, None),
    ],
)
def test_errors(
    openai_client: openai.OpenAI,
    model_server: RunningModelServer,
    status: int,
    error: type[openai.APIStatusError],
    code: str | None,
) -> None:
    model_server.control(status=status, retry_after=1.5)
    with pytest.raises(error) as caught:
        ask(openai_client)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.response.headers["retry-after"] == "1.5"
    assert ask(openai_client).status == "completed"
    assert [(record.outcome, record.status) for record in model_server.requests()] == [
        ("failed", status),
        ("answered", 200),
    ]


def test_an_error_with_a_code(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(status=429, code="insufficient_quota")
    with pytest.raises(openai.RateLimitError) as caught:
        ask(openai_client)
    assert caught.value.code == "insufficient_quota"
    assert "retry-after" not in caught.value.response.headers


def test_the_client_tries_again(model_server: RunningModelServer) -> None:
    model_server.control({"status": 500, "times": 2, "retry_after": 0.01})
    with openai.OpenAI(base_url=model_server.base_url, api_key="k", max_retries=2) as client:
        assert ask(client).status == "completed"
    assert [record.status for record in model_server.requests()] == [500, 500, 200]


def test_malformed_output(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(malformed=True)
    with pytest.raises(ValidationError):
        openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Answer)
    model_server.control(malformed=True)
    whole = len(ask(openai_client).output_text)
    assert len(ask(openai_client).output_text) > whole


@pytest.mark.parametrize("output", [{"another": 1}, "no JSON at all"], ids=["object", "text"])
def test_other_output(
    openai_client: openai.OpenAI, model_server: RunningModelServer, output: str | dict[str, Any]
) -> None:
    model_server.control(output=output)
    with pytest.raises(ValidationError):
        openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Answer)


def test_a_refusal(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control({"refusal": "I cannot help with that."}, {"refusal": "No."})
    found = openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Answer)
    assert found.output_parsed is None
    content = found.output[0].content[0]  # type: ignore[union-attr,index]
    assert content.type == "refusal"
    assert content.refusal == "I cannot help with that."  # type: ignore[union-attr]
    kinds = [event.type for event in stream(openai_client)]
    assert "response.refusal.delta" in kinds
    assert kinds[-1] == "response.completed"


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_incomplete_answer(openai_client: openai.OpenAI, model_server: RunningModelServer, reason: str) -> None:
    model_server.control({"incomplete": reason}, {"incomplete": reason})
    found = ask(openai_client)
    assert (found.status, found.incomplete_details.reason) == ("incomplete", reason)
    assert found.output[0].status == "incomplete"
    assert stream(openai_client)[-1].type == "response.incomplete"


def test_a_failed_answer(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control({"failed": "server_error"}, {"failed": "rate_limit_exceeded"})
    found = ask(openai_client)
    assert (found.status, found.error.code, found.output, found.usage) == ("failed", "server_error", [], None)
    last = stream(openai_client)[-1]
    assert (last.type, last.response.error.code) == ("response.failed", "rate_limit_exceeded")


def test_an_error_in_a_stream(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(error_event=True)
    last = stream(openai_client)[-1]
    assert (last.type, last.code) == ("error", "server_error")


def test_a_page_instead_of_json(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(not_json=True)
    assert "<html>" in str(ask(openai_client))


def events(client: openai.OpenAI, model: str) -> list[Any]:
    with client.responses.stream(model=model, input='rule_id: "r1"', text_format=Answer) as running:
        return list(running)


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-5"], ids=["quick", "thinks"])
def test_the_events_of_a_stream(openai_client: openai.OpenAI, model: str) -> None:
    found = events(openai_client, model)
    kinds = [event.type for event in found]
    thought = ["response.output_item.added", "response.output_item.done"] if model == "gpt-5" else []
    deltas = [event for event in found if event.type == "response.output_text.delta"]
    assert kinds == [
        "response.created",
        "response.in_progress",
        *thought,
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * len(deltas),
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len(deltas) > 1
    assert [event.sequence_number for event in found] == list(range(len(found)))
    last = found[-1]
    assert last.type == "response.completed"
    assert last.response.output_parsed is not None
    assert last.response.output_parsed.rule_ids == ["r1"]
    assert "".join(event.delta for event in deltas) == last.response.output_text
    assert last.response.usage is not None


@pytest.mark.parametrize("pieces", [True, 2], ids=["first", "second"])
def test_a_stream_that_is_cut(openai_client: openai.OpenAI, model_server: RunningModelServer, pieces: int) -> None:
    model_server.control(cut_stream=pieces)
    seen: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        seen.extend(ask(openai_client, stream=True))
    assert len([event for event in seen if event.type == "response.output_text.delta"]) == int(pieces)
    assert model_server.requests()[-1].outcome == "failed"


def test_a_stream_that_stops(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(hang_after=1)
    running = ask(openai_client, stream=True)
    first = next(event for event in running if event.type == "response.output_text.delta")
    assert first.delta
    assert model_server.requests()[-1].outcome == "pending"
    model_server.release()
    assert list(running)[-1].type == "response.completed"
    assert model_server.requests()[-1].outcome == "answered"


def test_a_reader_who_leaves_is_noticed(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(hang_after=1)
    running = ask(openai_client, stream=True)
    next(event for event in running if event.type == "response.output_text.delta")
    running.close()
    eventually(lambda: model_server.requests()[-1].outcome == "left")


def test_a_caller_who_does_not_wait_is_noticed(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control(hang=True)
    with pytest.raises(openai.APITimeoutError):
        ask(openai_client, timeout=0.2)
    eventually(lambda: model_server.requests()[-1].outcome == "left")


def test_a_slow_answer_takes_its_time(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    model_server.control({"slow_seconds_per_event": 0.02}, {"slow_seconds_per_event": 0.02})
    begin = time.monotonic()
    ask(openai_client)
    assert time.monotonic() - begin >= 0.02
    begin = time.monotonic()
    number = len(stream(openai_client))
    assert time.monotonic() - begin >= number * 0.02


def test_troubles_come_in_order_and_only_where_they_are_meant(
    openai_client: openai.OpenAI, model_server: RunningModelServer
) -> None:
    model_server.control(
        {"status": 500, "schema": "Answer"},
        {"status": 503, "stream": True},
        {"status": 429, "image": True, "times": None},
        {"status": 404, "api": "azure"},
    )
    assert ask(openai_client).status == "completed"
    with pytest.raises(openai.InternalServerError, match="503"):
        stream(openai_client)
    with pytest.raises(openai.InternalServerError, match="500"):
        openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Answer)
    assert openai_client.responses.parse(model="gpt-5.1", input="?", text_format=Answer).output_parsed


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"next": [{"nonsense": 1}]}',
        '{"next": [{"status": "429"}]}',
        '{"next": [{"retry_after": -1}]}',
        '{"next": [{"malformed": 1}]}',
        '{"next": 1}',
        "x",
    ],
    ids=["list", "empty", "name", "type", "negative", "flag", "number", "no JSON"],
)
def test_a_trouble_that_is_none_is_refused(model_server: RunningModelServer, body: str) -> None:
    answer = httpx2.post(f"{model_server.url}/_control", content=body.encode(), trust_env=False)
    assert answer.status_code == 422


def test_another_process_may_do_the_same(openai_client: openai.OpenAI, model_server: RunningModelServer) -> None:
    with httpx2.Client(base_url=model_server.url, trust_env=False) as http:
        assert http.get("/health").text == "ok"
        sent = {"next": [{"status": 429, "retry_after": 1, "times": None}]}
        assert http.post("/_control", json=sent).status_code == 204
        with pytest.raises(openai.RateLimitError):
            ask(openai_client)
        (record,) = http.get("/_requests").json()["requests"]
        assert (record["status"], record["texts"]) == (429, ["?"])
        assert http.delete("/_control").status_code == 204
        assert http.get("/_requests").json() == {"requests": []}
        assert ask(openai_client).status == "completed"
        assert http.get("/_picture/can?size=64&variant=3").content == picture("can", size=64, variant=3)
        assert http.get("/_picture/can?tags=a,b").content == picture("can", tags=["a", "b"])
        assert http.get("/_picture/can?size=9").status_code == 422
