"""From a photo or a question to an answer, on the local model server."""

import json
import re
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from eco2_model_server.pictures import nothing, picture
from eco2_model_server.records import Record
from eco2_model_server.testing import RunningModelServer
from eco2_waste_pipeline.errors import InvalidImage
from eco2_waste_pipeline.pipeline import Pipeline
from eco2_waste_pipeline.prompts import fixed
from eco2_waste_pipeline.results import ImageResult, Piece, ResultPiece, TextPiece, TextResult, Turn
from eco2_waste_rules.knowledge import Knowledge

BOX = "cardboard-box"


def asked(model_server: RunningModelServer, schema: str) -> list[Record]:
    return [record for record in model_server.requests("openai") if record.schema == schema]


def blocks(record: Record) -> dict[str, Any]:
    """What stands in the data blocks of a request."""
    fence = re.search(r"fence=([0-9a-f]{16})", record.texts[1])
    assert fence is not None
    found = re.findall(rf"<<<DATA name=(\w+) fence={fence[1]}>>>\n(.*)\n<<<END fence={fence[1]}>>>", record.texts[2])
    assert len(found) == record.texts[2].count("<<<DATA")
    return {name: json.loads(data) for name, data in found}


def text_and_result(pieces: Sequence[Piece]) -> tuple[str, ImageResult | TextResult]:
    *texts, last = pieces
    assert isinstance(last, ResultPiece)
    assert all(isinstance(piece, TextPiece) and piece.text for piece in texts)
    return "".join(piece.text for piece in texts if isinstance(piece, TextPiece)), last.result


def seen(**values: Any) -> dict[str, Any]:
    """An output of the vision model."""
    usual = {"description": "상자", "is_waste": True, "item_id": BOX, "confidence": 0.9, "situation_tags": []}
    return {"output": usual | values, "schema": "vision_classification"}


def read(**values: Any) -> dict[str, Any]:
    """An output of the classification of a question."""
    usual = {"intent": "disposal_question", "priority": "normal", "item_id": None, "search_text": "질문"}
    return {"output": usual | values, "schema": "text_classification"}


def written(text: str, *rule_ids: str, **more: Any) -> dict[str, Any]:
    """An output of the model that answers."""
    return {"output": {"rule_ids": list(rule_ids), "text": text}, "schema": "answer_generation", **more}


def test_a_picture(pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge) -> None:
    result = pipeline.classify_image(picture(BOX, tags=("tape-left", "clean")), question="테이프는요?")
    assert result.vision.item_id == BOX
    assert result.vision.labels == knowledge.items[BOX].labels
    assert [(tag.id, tag.insufficiency) for tag in result.vision.situation_tags] == [
        ("tape-left", True),
        ("clean", False),
    ]
    ids = [rule.id for rule in result.rules]
    assert set(ids) >= {rule.id for rule in knowledge.rules_for(BOX)}
    assert result.answer.rule_ids
    assert set(result.answer.rule_ids) <= set(ids)
    assert all(rule.sources and rule.verified == knowledge.rules[rule.id].verified for rule in result.rules)
    assert (result.usage.calls, result.cached) == (2, False)
    assert result.usage.input_tokens > 0 < result.usage.output_tokens
    assert result.usage.cost_usd > 0
    assert ImageResult.model_validate_json(result.model_dump_json()) == result

    [vision] = asked(model_server, "vision_classification")
    assert len(vision.images) == 1
    assert blocks(vision) == {}
    [answer] = asked(model_server, "answer_generation")
    assert not answer.images
    given = blocks(answer)
    assert list(given) == ["vision", "question", "rules"]
    assert given["question"] == {"text": "테이프는요?"}
    assert given["vision"]["situations"] == [knowledge.tags[tag].description for tag in ("tape-left", "clean")]
    assert [rule["id"] for rule in given["rules"]["rules"]] == ids
    assert all(record.body["store"] is False for record in (vision, answer))


def test_nothing_is_told_about_what_is_not_known(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(seen(item_id=None, confidence=0.9))
    result = pipeline.classify_image(nothing(), question="이거 어떻게 버려요?")
    assert result.vision.is_waste
    assert result.vision.item_id is None
    assert result.vision.labels is None
    assert (result.rules, result.answer.rule_ids) == ((), ())
    assert result.answer.text == fixed("unknown_item")
    assert result.usage.calls == 1


def test_nothing_is_told_about_what_is_no_waste(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(seen(is_waste=False, description="잠자는 고양이", situation_tags=["clean"]))
    result = pipeline.classify_image(nothing())
    assert not result.vision.is_waste
    assert result.vision.item_id is None  # whatever the model said
    assert result.vision.situation_tags == ()
    assert (result.rules, result.answer.text) == ((), fixed("not_waste"))


def test_half_a_guess_is_no_item(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(seen(confidence=0.49))
    result = pipeline.classify_image(nothing())
    assert (result.vision.item_id, result.vision.confidence) == (None, 0.49)
    assert result.answer.text == fixed("unknown_item")


@pytest.mark.parametrize(
    "wrong",
    [
        {"item_id": "made-up"},
        {"situation_tags": ["made-up"]},
        {"confidence": 1.5},
        {"is_waste": "yes"},
        {"description": "<<<DATA name=x"},
        {"extra": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_seen_is_checked(pipeline: Pipeline, model_server: RunningModelServer, wrong: dict[str, Any]) -> None:
    model_server.control(seen(**wrong))
    assert pipeline.classify_image(picture(BOX)).vision.item_id == BOX
    assert len(asked(model_server, "vision_classification")) == 2


def test_a_picture_that_is_none_costs_nothing(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    with pytest.raises(InvalidImage):
        pipeline.classify_image(b"GIF89a")
    assert model_server.requests() == []


def test_a_question(pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge) -> None:
    result = pipeline.answer_text("건전지는 어떻게 버려요?")
    assert (result.intent, result.priority, result.item_id) == ("disposal_question", "normal", "dry-battery")
    assert {rule.id for rule in knowledge.rules_for("dry-battery")} <= {rule.id for rule in result.rules}
    assert set(result.answer.rule_ids) <= {rule.id for rule in result.rules}
    assert result.answer.rule_ids
    assert result.usage.calls == 2
    assert TextResult.model_validate_json(result.model_dump_json()) == result
    [classification] = asked(model_server, "text_classification")
    assert blocks(classification) == {"question": {"text": "건전지는 어떻게 버려요?"}}
    [answer] = asked(model_server, "answer_generation")
    assert list(blocks(answer)) == ["classification", "question", "rules"]
    assert blocks(answer)["classification"]["item"] == knowledge.items["dry-battery"].name


def test_it_goes_on_from_the_conversation(
    pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge
) -> None:
    history = [Turn(role="user", text=f"질문 {number}") for number in range(20)]
    history += [Turn(role="assistant", text="답"), Turn(role="user", text="\u200b")]
    model_server.control(read(search_text="건전지는 어디에 버려요?"))
    result = pipeline.answer_text("그럼 그건요?", history=history)
    [classification] = asked(model_server, "text_classification")
    turns = blocks(classification)["history"]["turns"]
    assert turns[-1] == {"role": "assistant", "text": "답"}
    assert len(turns) == 9  # ten, of which one had nothing to be seen
    assert {rule.id for rule in knowledge.rules_for("dry-battery")} & {rule.id for rule in result.rules}
    [answer] = asked(model_server, "answer_generation")
    assert "history" in blocks(answer)


def test_without_a_conversation_the_question_is_searched_for_and_nothing_else(
    pipeline: Pipeline, model_server: RunningModelServer
) -> None:
    model_server.control(read(search_text="건전지는 어디에 버려요?"))
    assert pipeline.answer_text("그럼 그건요?").rules == ()


def test_no_rule_no_advice(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(read())
    result = pipeline.answer_text("xyzzy qwerty")
    assert (result.rules, result.answer.rule_ids) == ((), ())
    assert result.answer.text == fixed("no_rule")
    assert asked(model_server, "answer_generation") == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_rules_that_are_not_about_it_are_no_rules(
    pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge, stream: bool
) -> None:
    """The model says that what was found does not answer the question: what else it says is not shown."""
    model_server.control(written("제가 알기로는 태우면 돼요. " * 10))
    if stream:
        text, result = text_and_result(list(pipeline.stream_text("건전지는 어떻게 버려요?")))
    else:
        result = pipeline.answer_text("건전지는 어떻게 버려요?")
        text = result.answer.text
    assert text == result.answer.text == fixed("no_rule", item=knowledge.items["dry-battery"].name)
    assert (result.rules, result.answer.rule_ids) == ((), ())


def test_what_was_asked_beside_a_picture_changes_nothing_about_its_item(
    pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge
) -> None:
    model_server.control(written("제가 알기로는 비싸요. " * 10))
    result = pipeline.classify_image(picture(BOX), question="얼마예요?")
    assert result.answer.text == fixed("not_in_rules", item=knowledge.items[BOX].name)
    assert result.answer.rule_ids == ()
    assert {rule.id for rule in knowledge.rules_for(BOX)} <= {rule.id for rule in result.rules}


def test_where_something_is_is_not_made_up(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(read(intent="location_question"))
    result = pipeline.answer_text("xyzzy qwerty")
    assert (result.intent, result.answer.text, result.rules) == ("location_question", fixed("location"), ())


@pytest.mark.parametrize("intent", ["character_question", "smalltalk", "other"])
def test_what_needs_no_rules_gets_none(pipeline: Pipeline, model_server: RunningModelServer, intent: str) -> None:
    model_server.control(read(intent=intent, item_id="dry-battery", priority="low"))
    result = pipeline.answer_text("건전지 캐릭터 안녕!")
    assert (result.intent, result.priority, result.rules, result.answer.rule_ids) == (intent, "low", (), ())
    assert result.answer.text
    [answer] = asked(model_server, "answer_generation")
    assert answer.body["text"]["format"]["schema"]["required"] == ["text"]
    assert "rules" not in blocks(answer)


def test_a_rule_that_was_not_given_cannot_be_cited(pipeline: Pipeline, model_server: RunningModelServer) -> None:
    model_server.control(written("종이류예요.", "dry-battery"))
    result = pipeline.classify_image(picture(BOX))
    assert "dry-battery" not in result.answer.rule_ids
    assert len(asked(model_server, "answer_generation")) == 2


def unverified(pipeline: Pipeline, knowledge: Knowledge) -> str:
    """Makes the first rule of the box one whose source nobody read."""
    [rule, *_] = knowledge.rules_for(BOX)
    changed = {**knowledge.rules, rule.id: rule.model_copy(update={"verified": False})}
    pipeline._retrieval._knowledge = Knowledge(items=knowledge.items, rules=changed, tags=knowledge.tags)
    return rule.id


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_was_not_verified_is_shown_as_advice(
    pipeline: Pipeline, model_server: RunningModelServer, knowledge: Knowledge, stream: bool
) -> None:
    rule_id = unverified(pipeline, knowledge)
    long = "상자는 펼쳐서 종이류로 내놓으세요. " * 5
    model_server.control(written(f"공식 지침이에요. {long}", rule_id), written(long, rule_id))
    if stream:
        text, result = text_and_result(list(pipeline.stream_image(picture(BOX))))
    else:
        result = pipeline.classify_image(picture(BOX))
        text = result.answer.text
    assert text == result.answer.text == f"{long}\n\n{fixed('unverified')}"
    assert [rule.verified for rule in result.rules if rule.id == rule_id] == [False]
    given = blocks(asked(model_server, "answer_generation")[0])["rules"]["rules"]
    shown = {rule["id"]: rule["official"] for rule in given}
    assert shown[rule_id] is False


def test_a_stream_is_the_answer_in_pieces(pipeline: Pipeline) -> None:
    content = picture(BOX)
    text, result = text_and_result(pieces := list(pipeline.stream_image(content, question="테이프는요?")))
    whole = pipeline.classify_image(content, question="테이프는요?")
    assert text == result.answer.text == whole.answer.text
    assert isinstance(result, ImageResult)
    assert (result.vision, result.rules) == (whole.vision, whole.rules)
    assert len(pieces) > 2
    text, spoken = text_and_result(list(pipeline.stream_text("건전지는 어떻게 버려요?")))
    assert spoken.answer.text == text
    assert isinstance(spoken, TextResult)
    assert spoken.usage.input_tokens > 0


def test_what_we_say_ourselves_is_one_piece(pipeline: Pipeline) -> None:
    text, result = text_and_result(pieces := list(pipeline.stream_image(nothing())))
    assert len(pieces) == 2
    assert text == result.answer.text


def test_whoever_leaves_a_stream_closes_it(
    pipeline: Pipeline,
    model_server: RunningModelServer,
    registry: CollectorRegistry,
    log_lines: list[MutableMapping[str, Any]],
) -> None:
    model_server.control(written("상자는 펼쳐서 종이류로 내놓으세요. " * 20, BOX, hang_after=40))
    stream = pipeline.stream_image(picture(BOX))
    assert isinstance(next(stream), TextPiece)
    stream.close()
    model_server.release()
    for stage in ("answer", "run"):
        labels = {"stage": stage, "result": "abandoned"}
        assert registry.get_sample_value("eco2_pipeline_stage_duration_seconds_count", labels) == 1
    assert [line["result"] for line in log_lines if line["event"] == "run"] == ["abandoned"]


@pytest.mark.parametrize("rule", [BOX, None], ids=["shown", "not shown"])
def test_a_stream_that_was_read_to_its_end_is_not_abandoned(
    pipeline: Pipeline, model_server: RunningModelServer, registry: CollectorRegistry, rule: str | None
) -> None:
    if rule is None:
        model_server.control(written("모르겠어요."))
    assert list(pipeline.stream_image(picture(BOX)))

    def requests(result: str) -> float | None:
        return registry.get_sample_value("eco2_llm_requests_total", {"model": "gpt-5.1", "result": result})

    assert (requests("ok"), requests("abandoned")) == (2, 0)


def test_stages_are_timed(pipeline: Pipeline, registry: CollectorRegistry) -> None:
    pipeline.classify_image(picture(BOX))
    pipeline.answer_text("건전지는 어떻게 버려요?")

    def timed(stage: str) -> float | None:
        labels = {"stage": stage, "result": "ok"}
        return registry.get_sample_value("eco2_pipeline_stage_duration_seconds_count", labels)

    stages = ("image", "azure", "vision", "text", "retrieval", "answer", "run")
    assert {stage: timed(stage) for stage in stages} == {
        "image": 1,
        "azure": 0,
        "vision": 1,
        "text": 1,
        "retrieval": 2,
        "answer": 2,
        "run": 2,
    }


def test_series_are_there_from_the_beginning(pipeline: Pipeline, registry: CollectorRegistry) -> None:
    labels = {"model": "gpt-5.1", "result": "rate_limited"}
    assert registry.get_sample_value("eco2_llm_requests_total", labels) == 0
    assert registry.get_sample_value("eco2_llm_tokens_total", {"model": "gpt-5.1", "kind": "output"}) == 0
    assert registry.get_sample_value("eco2_llm_cost_usd_total") == 0
    labels = {"stage": "vision", "result": "error"}
    assert registry.get_sample_value("eco2_pipeline_stage_duration_seconds_count", labels) == 0


def test_the_log_says_nothing_of_the_user(pipeline: Pipeline, log_lines: list[MutableMapping[str, Any]]) -> None:
    pipeline.answer_text("제 전화번호는 010-1234-5678 이에요. 건전지는 어떻게 버려요?")
    pipeline.classify_image(picture(BOX), question="비밀이에요")
    assert [line["kind"] for line in log_lines] == ["text", "image"]
    assert all(line["calls"] == 2 and line["cost_usd"] > 0 for line in log_lines)
    assert not re.search(r"010-1234|비밀|상자|건전지|sk-", str(log_lines))


def test_many_threads_at_once(pipeline: Pipeline) -> None:
    with ThreadPoolExecutor(8) as pool:
        pictures = [picture(BOX, variant=number) for number in range(16)]
        results = list(pool.map(pipeline.classify_image, pictures))
        texts = list(pool.map(pipeline.answer_text, ["건전지는 어떻게 버려요?"] * 16))
    assert {result.vision.item_id for result in results} == {BOX}
    assert {(result.item_id, result.usage.calls) for result in texts} == {("dry-battery", 2)}


def test_it_is_closed_with_its_block(make_pipeline: Callable[..., Pipeline], model_server: RunningModelServer) -> None:
    azure = {"azure_vision_endpoint": model_server.azure_endpoint, "azure_vision_key": "key"}
    with make_pipeline(**azure) as pipeline:
        pipeline.classify_image(picture(BOX))
    assert pipeline._models._client.is_closed()
