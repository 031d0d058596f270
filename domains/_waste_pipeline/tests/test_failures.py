"""What goes wrong with OpenAI, on the local model server: by schema, whole and in parts."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eco2_model_server.pictures import picture
from eco2_model_server.testing import RunningModelServer
from eco2_waste_pipeline.errors import (
    AnswerMalformed,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    PipelineError,
    TimedOut,
)
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.results import TextPiece

MakePipeline = Callable[..., Pipeline]
Run = Callable[[Pipeline], None]
QUESTION = "건전지는 어떻게 버려요?"
ANSWER = "answer_generation"


def image(pipeline: Pipeline) -> None:
    pipeline.classify_image(picture("cardboard-box"))


def text(pipeline: Pipeline) -> None:
    pipeline.answer_text(QUESTION)


def image_stream(pipeline: Pipeline) -> None:
    list(pipeline.stream_image(picture("cardboard-box")))


def text_stream(pipeline: Pipeline) -> None:
    list(pipeline.stream_text(QUESTION))


RUNS = (image, text, image_stream, text_stream)
every_run = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
every_stage = pytest.mark.parametrize("stage", ["first", "answer"])


def at(stage: str) -> dict[str, Any]:
    """Which requests a trouble is meant for."""
    return {"schema": ANSWER} if stage == "answer" else {}


def is_noticed_late(run: Run, stage: str, trouble: Mapping[str, Any]) -> bool:
    """Whether words of the answer, which the server makes long only for a picture, are shown before it goes wrong."""
    return run is image_stream and stage == "answer" and bool({"malformed", "incomplete"} & trouble.keys())


@every_run
@every_stage
@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "retry_after": 0.01},
        {"status": 500},
        {"status": 503},
        {"malformed": True},
        {"failed": "server_error"},
        {"incomplete": "max_output_tokens"},
        {"not_json": True},
    ],
    ids=lambda trouble: "-".join(str(value) for value in next(iter(trouble.items()))),
)
def test_what_passes_is_not_noticed(
    pipeline: Pipeline,
    model_server: RunningModelServer,
    run: Run,
    stage: str,
    trouble: dict[str, Any],
) -> None:
    model_server.control(times=2, **trouble, **at(stage))
    if is_noticed_late(run, stage, trouble):
        with pytest.raises(AnswerMalformed):
            run(pipeline)
        return
    run(pipeline)
    assert len(model_server.requests("openai")) == 4


@every_run
@every_stage
@pytest.mark.parametrize(
    ("trouble", "kind", "reason"),
    [
        pytest.param({"status": 429, "retry_after": 0.01}, ModelRateLimited, "rate limited", id="429"),
        pytest.param({"status": 429, "code": "insufficient_quota"}, NotConfigured, "quota used up", id="quota"),
        pytest.param({"status": 500}, ModelUnavailable, "status 500", id="500"),
        pytest.param({"status": 401}, NotConfigured, "status 401", id="401"),
        pytest.param({"malformed": True}, AnswerMalformed, "", id="malformed"),
        pytest.param({"output": {"unasked": 1}}, AnswerMalformed, "", id="another-shape"),
        pytest.param({"refusal": "죄송하지만 도와드릴 수 없어요."}, ModelRefused, "refused by the model", id="refusal"),
        pytest.param({"incomplete": "content_filter"}, ModelRefused, "refused by a filter", id="filter"),
        pytest.param({"failed": "server_error"}, ModelUnavailable, "failed", id="failed"),
    ],
)
def test_what_stays_has_a_name(
    pipeline: Pipeline,
    model_server: RunningModelServer,
    registry: CollectorRegistry,
    run: Run,
    stage: str,
    trouble: dict[str, Any],
    kind: type[PipelineError],
    reason: str,
) -> None:
    model_server.control(times=None, **trouble, **at(stage))
    with pytest.raises(kind) as raised:
        run(pipeline)
    assert raised.value.reason.startswith(reason)
    attempts = 3 if raised.value.retryable and not is_noticed_late(run, stage, trouble) else 1
    assert len(model_server.requests("openai")) == attempts + (stage == "answer")
    labels = {"stage": "run", "result": "error"}
    assert registry.get_sample_value("eco2_pipeline_stage_duration_seconds_count", labels) == 1


def test_how_long_to_wait_is_told(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(status=429, retry_after=100)
    with pytest.raises(ModelRateLimited) as raised:
        pipeline.answer_text(QUESTION)
    assert raised.value.retry_after == 100
    assert len(model_server.requests("openai")) == 1


def test_a_wrong_key(make_pipeline: MakePipeline) -> None:
    with pytest.raises(NotConfigured, match="status 401"):
        make_pipeline(openai_api_key="invalid-key").answer_text(QUESTION)


def test_a_model_there_is_not(make_pipeline: MakePipeline) -> None:
    with pytest.raises(NotConfigured, match="status 40"):
        make_pipeline(openai_model_text="no-such-model").answer_text(QUESTION)


def test_no_key(make_pipeline: MakePipeline, model_server: RunningModelServer) -> None:
    pipeline = make_pipeline(openai_api_key=None)
    for run in RUNS:
        with pytest.raises(NotConfigured, match="no OPENAI_API_KEY"):
            run(pipeline)
    assert model_server.requests() == []


def test_nobody_is_there(make_pipeline: MakePipeline) -> None:
    with pytest.raises(ModelUnavailable, match="unreachable"):
        make_pipeline(openai_base_url="http://127.0.0.1:9/v1").answer_text(QUESTION)


LONG = {"rule_ids": ["dry-battery"], "text": "건전지는 수거함에 넣어 주세요. " * 30}


def test_a_stream_that_is_cut_is_begun_again_while_nothing_is_shown(
    pipeline: Pipeline, model_server: RunningModelServer
) -> None:
    model_server.control(cut_stream=1, schema=ANSWER, stream=True)
    assert len(list(pipeline.stream_text(QUESTION))) > 1
    assert len(model_server.requests("openai")) == 3


@pytest.mark.parametrize("trouble", [{"cut_stream": 40}, {"error_event": True}], ids=["cut", "error"])
def test_a_stream_that_ends_in_the_middle(
    pipeline: Pipeline, model_server: RunningModelServer, trouble: dict[str, Any]
) -> None:
    model_server.control(output=LONG, schema=ANSWER, times=None, **trouble)
    shown: list[object] = []
    with pytest.raises(ModelUnavailable):
        shown.extend(pipeline.stream_text(QUESTION))
    if "cut_stream" in trouble:
        assert shown
        assert all(isinstance(piece, TextPiece) for piece in shown)
        assert len(model_server.requests("openai")) == 2


@every_run
@every_stage
def test_the_run_ends_in_time(
    make_pipeline: MakePipeline, model_server: RunningModelServer, run: Run, stage: str
) -> None:
    """Without the deadline each of them would wait for ever."""
    model_server.control(hang=True, times=None, **at(stage))
    with pytest.raises(TimedOut):
        run(make_pipeline(pipeline_timeout_seconds=0.5))


def test_a_stream_that_hangs_in_the_middle_ends_in_time(
    make_pipeline: MakePipeline, model_server: RunningModelServer
) -> None:
    model_server.control(output=LONG, schema=ANSWER, hang_after=40)
    shown: list[object] = []
    with pytest.raises(TimedOut):
        shown.extend(make_pipeline(pipeline_timeout_seconds=1.0).stream_text(QUESTION))
    assert shown


def test_a_slow_stream_ends_in_time(make_pipeline: MakePipeline, model_server: RunningModelServer) -> None:
    model_server.control(output=LONG, schema=ANSWER, slow_seconds_per_event=0.1)
    with pytest.raises(TimedOut):
        list(make_pipeline(pipeline_timeout_seconds=1.0).stream_text(QUESTION))


def test_a_request_that_hangs_is_sent_again(make_pipeline: MakePipeline, model_server: RunningModelServer) -> None:
    model_server.control(hang=True)
    result = make_pipeline(openai_timeout_seconds=0.3).answer_text(QUESTION)
    assert result.usage.calls == 3
