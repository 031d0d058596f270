"""What OpenAI says when there is no answer."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from eco2_waste_pipeline.accounting import Ledger
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import (
    InvalidImage,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    PipelineError,
)
from eco2_waste_pipeline.openai_client import Ask, Models
from eco2_waste_pipeline.openai_errors import retry_after

ASK = Ask(name="x", model="gpt-5.1", instructions="i", note="n", data="d", schema={}, max_output_tokens=100)


def error(status: int, code: str | None = None, **headers: str) -> httpx2.Response:
    body = {"error": {"message": "a key: sk-123", "type": "t", "code": code, "param": None}}
    return httpx2.Response(status, json=body, headers=headers)


def asked_at_once(models: Models, ledger: Ledger) -> None:
    models.ask(ASK, str, deadline=Deadline(30), ledger=ledger)


def asked_in_parts(models: Models, ledger: Ledger) -> None:
    list(models.stream(ASK, lambda parts: iter([list(parts)]), deadline=Deadline(30), ledger=ledger))


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        pytest.param(error(401, "invalid_api_key"), NotConfigured, "status 401", id="401"),
        pytest.param(error(403), NotConfigured, "status 403", id="403"),
        pytest.param(error(404, "model_not_found"), NotConfigured, "status 404", id="404"),
        pytest.param(error(400, "unsupported_parameter"), NotConfigured, "status 400", id="400"),
        pytest.param(error(400, "invalid_prompt"), ModelRefused, "refused by a filter", id="400-prompt"),
        pytest.param(error(400, "image_parse_error"), InvalidImage, "not taken by the model", id="400-image"),
        pytest.param(error(429, "insufficient_quota"), NotConfigured, "quota used up", id="429-quota"),
        pytest.param(error(429, "rate_limit_exceeded"), ModelRateLimited, "rate limited", id="429"),
        pytest.param(error(408), ModelUnavailable, "status 408", id="408"),
        pytest.param(error(409), ModelUnavailable, "status 409", id="409"),
        pytest.param(error(500), ModelUnavailable, "status 500", id="500"),
        pytest.param(error(503), ModelUnavailable, "status 503", id="503"),
        pytest.param(httpx2.Response(502, html="<h1>Bad Gateway</h1>"), ModelUnavailable, "status 502", id="502-page"),
        pytest.param(httpx2.Response(200, html="<h1>Hello</h1>"), ModelUnavailable, "not an answer", id="200-page"),
        pytest.param(httpx2.Response(200, json={"id": "x"}), ModelUnavailable, "not an answer", id="200-empty"),
        pytest.param(httpx2.Response(200, json=[1]), ModelUnavailable, "not an answer", id="200-list"),
        pytest.param(
            httpx2.Response(200, content=b"{", headers={"content-type": "application/json"}),
            ModelUnavailable,
            "not an answer",
            id="200-cut",
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_in_our_words(
    make_models: Callable[..., Models],
    ledger: Ledger,
    answer: httpx2.Response,
    kind: type[PipelineError],
    reason: str,
    stream: bool,
) -> None:
    def answered(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    models = make_models(answered, attempts=1)
    ask = asked_in_parts if stream else asked_at_once
    with pytest.raises(kind) as raised:
        ask(models, ledger)
    if not (stream and answer.status_code == 200):  # there, what is no event is nothing, and the end comes too soon
        assert raised.value.reason == reason
    assert "sk-123" not in repr(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        pytest.param(httpx2.ConnectError("refused"), "unreachable", id="connect"),
        pytest.param(httpx2.ReadTimeout("late"), "no answer in time", id="late"),
        pytest.param(httpx2.RemoteProtocolError("gone"), "unreachable", id="gone"),
    ],
)
def test_the_network(make_models: Callable[..., Models], ledger: Ledger, raised: Exception, reason: str) -> None:
    def fail(_request: httpx2.Request) -> httpx2.Response:
        raise raised

    with pytest.raises(ModelUnavailable, match=reason):
        make_models(fail, attempts=1).ask(ASK, str, deadline=Deadline(30), ledger=ledger)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_how_long_to_wait(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_how_long_to_wait_by_a_date() -> None:
    seconds = retry_after({"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)})
    assert seconds is not None
    assert 0 < seconds <= 3600
