"""What the model says, through OpenAI's own client."""

import base64
import json
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from eco2_model_server.pictures import nothing, picture
from eco2_model_server.testing import RunningModelServer

ITEMS = Literal["clear-pet-bottle", "newspaper", "milk-carton"]
CLASSES = """Classes:
- clear-pet-bottle: 무색 페트병 (생수병, 투명 페트병)
- newspaper: 신문지 (신문)
- milk-carton: 우유팩(일반팩)
clear-pet-bottle and newspaper are not the same: 우유
"""
RULES = 'rule_id: "pet-clear" summary: "비우고 헹군 뒤 라벨을 떼어 배출한다"\n{"id": "pet-cap", "title": "뚜껑"}'


class Vision(BaseModel):
    item_id: ITEMS | None
    is_waste: bool
    confidence: float = Field(ge=0, le=1)
    description: str
    note: str | None
    situation_tags: list[Literal["내용물_남음", "라벨_미제거"]]


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    intent: Literal["disposal_question", "location_question", "character_question", "smalltalk", "other"]
    priority: Literal["low", "normal", "high"]
    item_id: ITEMS | None


class Answer(BaseModel):
    answer: str
    rule_ids: list[str]


def shown(content: bytes, text: str = "이건 어떻게 버려요?") -> list[Any]:
    url = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    parts = [
        {"type": "input_text", "text": text},
        {"type": "input_image", "image_url": url, "detail": "low"},
    ]
    return [{"role": "user", "content": parts}]


def look(client: openai.OpenAI, content: bytes, **more: Any) -> Vision:
    found = client.responses.parse(
        model="gpt-5.1", instructions=CLASSES, input=shown(content), text_format=Vision, store=False, **more
    )
    seen: Vision | None = found.output_parsed
    assert seen is not None
    return seen


@pytest.mark.parametrize("item", ["clear-pet-bottle", "newspaper", "milk-carton"])
def test_a_picture_is_classified(openai_client: openai.OpenAI, item: str) -> None:
    seen = look(openai_client, picture(item, tags=["라벨_미제거"]))
    assert seen.item_id == item
    assert seen.is_waste
    assert seen.confidence > 0.9
    assert seen.situation_tags == ["라벨_미제거"]
    assert seen.note is None


@pytest.mark.parametrize("content", [nothing(), picture("of-something-else")], ids=["nothing", "unknown"])
def test_what_is_not_known_is_none(openai_client: openai.OpenAI, content: bytes) -> None:
    seen = look(openai_client, content)
    assert (seen.item_id, seen.is_waste, seen.situation_tags) == (None, False, [])
    assert seen.confidence < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("생수병 어떻게 버려요?", ("disposal_question", "normal", "clear-pet-bottle")),
        ("신문지랑 우유팩 중에 신문지는 어디에 내놓나요", ("location_question", "normal", "newspaper")),
        ("캐릭터는 어떻게 받아요", ("character_question", "normal", None)),
        ("깨진 유리를 버리고 싶어요", ("disposal_question", "high", None)),
        ("안녕하세요!", ("smalltalk", "low", None)),
        ("오늘 주가 알려줘", ("other", "normal", None)),
    ],
    ids=["disposal", "location", "character", "danger", "smalltalk", "other"],
)
def test_a_question_is_sorted(openai_client: openai.OpenAI, text: str, expected: tuple[str, str, str | None]) -> None:
    found = openai_client.responses.parse(
        model="gpt-5.1",
        input=[
            {"role": "developer", "content": CLASSES},
            {"role": "user", "content": "우유팩은요?"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "씻어 말려요", "annotations": []}]},  # type: ignore[list-item,misc]
            {"role": "user", "content": text},
        ],
        text_format=Question,
    ).output_parsed
    assert found is not None
    assert (found.intent, found.priority, found.item_id) == expected


def test_an_answer_cites_the_rules_of_the_prompt(openai_client: openai.OpenAI) -> None:
    found = openai_client.responses.parse(model="gpt-5.1", instructions=RULES, input="?", text_format=Answer)
    assert found.output_parsed is not None
    assert found.output_parsed.rule_ids == ["pet-clear"]
    assert "라벨을 떼어" in found.output_parsed.answer
    assert "[pet-clear]" in openai_client.responses.create(model="gpt-5.1", input=RULES).output_text
    assert "나누어" in openai_client.responses.create(model="gpt-5.1", input="rule_id: r1").output_text


def block(name: str, data: object) -> str:
    return f"<<<DATA name={name} fence=0a1b>>>\n{json.dumps(data)}\n<<<END fence=0a1b>>>"


class Searched(Question):
    search_text: str


def test_data_blocks_are_read(openai_client: openai.OpenAI) -> None:
    turns = [
        {"role": "user", "text": "생수병 어떻게 버려요?"},
        {"role": "assistant", "text": "신문지와 함께 안녕"},
    ]
    data = [block("history", {"turns": turns}), block("question", {"text": "그럼 뚜껑은?"})]
    found = openai_client.responses.parse(
        model="gpt-5.1", instructions=CLASSES, input="\n".join(data), text_format=Searched
    ).output_parsed
    assert found is not None
    assert (found.intent, found.priority, found.item_id) == ("disposal_question", "normal", "clear-pet-bottle")
    assert found.search_text == "생수병 어떻게 버려요? 그럼 뚜껑은?"
    greeting = [data[0], block("question", {"text": "안녕"})]
    other = openai_client.responses.parse(
        model="gpt-5.1", instructions=CLASSES, input="\n".join(greeting), text_format=Searched
    ).output_parsed
    assert other is not None
    assert (other.intent, other.item_id, other.search_text) == ("smalltalk", None, "안녕")

    class Chosen(BaseModel):
        rule_ids: list[Literal["other", "pet"]]
        text: str

    rules = {"rules": [{"id": "pet", "summary": "비우고 헹굽니다."}, {"id": "other", "summary": "?"}]}
    written = openai_client.responses.parse(
        model="gpt-5.1",
        input=block("rules", rules) + "\n" + block("broken", 1).replace("1\n", "{\n"),
        text_format=Chosen,
    ).output_parsed
    assert written is not None
    assert (written.rule_ids, written.text) == (["pet"], "이렇게 하시면 돼요. 비우고 헹굽니다.")


def test_the_longest_name_wins_and_a_short_one_has_to_begin_a_word(openai_client: openai.OpenAI) -> None:
    class Chosen(BaseModel):
        item_id: Literal["can", "gas-can", "candy"] | None

    classes = "- `can` 캔 | 재활용 > 금속 | 다른 이름: 음료수 캔\n- `gas-can` 부탄가스 캔\n- `candy` 사탕"
    for text, item in (("이 캔은?", "can"), ("부탄가스 캔은?", "gas-can"), ("멀캔?", None), ("재활용 > 금속", None)):
        found = openai_client.responses.parse(
            model="gpt-5.1", instructions=classes, input=text, text_format=Chosen
        ).output_parsed
        assert found is not None
        assert found.item_id == item, text


def test_a_choice_of_rules_is_used_as_it_is(openai_client: openai.OpenAI) -> None:
    class Chosen(BaseModel):
        answer: str
        cited: list[Literal["one", "two", "three", "four"]] = Field(min_length=1, max_length=2)

    found = openai_client.responses.parse(model="gpt-5.1", instructions=RULES, input="?", text_format=Chosen)
    assert found.output_parsed is not None
    assert found.output_parsed.cited == ["one"]


def test_without_rules_it_does_not_know(openai_client: openai.OpenAI) -> None:
    found = openai_client.responses.create(model="gpt-5.1", input="?")
    assert "물어봐 주세요" in found.output_text


def test_odd_schemas_are_filled_too(openai_client: openai.OpenAI) -> None:
    class Inner(BaseModel):
        kind: Literal["only"]
        level: int = Field(ge=1, le=5)
        share: int | None
        sort: Literal["plastic", "other"]

    class Odd(BaseModel):
        inner: Inner
        again: Inner | None
        words: list[str] = Field(min_length=1)
        numbers: list[int]
        empty: None

    found = openai_client.responses.parse(model="gpt-4.1", input="?", text_format=Odd).output_parsed
    assert found is not None
    inner = Inner(kind="only", level=1, share=1, sort="other")
    assert (found.inner, found.again, found.numbers) == (inner, inner, [])
    assert len(found.words) == 1


def test_a_model_that_thinks_says_so_first(openai_client: openai.OpenAI) -> None:
    thought = openai_client.responses.create(model="gpt-5", input="?")
    assert [item.type for item in thought.output] == ["reasoning", "message"]
    assert thought.usage is not None
    assert thought.usage.output_tokens_details.reasoning_tokens > 0
    quick = openai_client.responses.create(model="gpt-5.1", input="?", temperature=0)
    assert [item.type for item in quick.output] == ["message"]


def test_usage_counts_words_and_pictures(openai_client: openai.OpenAI) -> None:
    short = openai_client.responses.create(model="gpt-5.1", input="가나다라").usage
    long = openai_client.responses.create(model="gpt-5.1", input="가나다라" * 10).usage
    with_picture = openai_client.responses.create(model="gpt-5.1", input=shown(picture("can"), "가나다라")).usage
    assert short is not None
    assert long is not None
    assert with_picture is not None
    assert (short.input_tokens, long.input_tokens) == (2, 20)
    assert with_picture.input_tokens > 100
    assert short.total_tokens == short.input_tokens + short.output_tokens


def test_an_answer_that_is_too_long_is_incomplete(openai_client: openai.OpenAI) -> None:
    found = openai_client.responses.create(model="gpt-5.1", input=RULES, max_output_tokens=16)
    assert found.status == "incomplete"
    assert found.incomplete_details is not None
    assert found.incomplete_details.reason == "max_output_tokens"
    assert len(found.output_text) == 32


def test_the_same_is_answered_the_same(openai_client: openai.OpenAI) -> None:
    one, other = (openai_client.responses.create(model="gpt-5.1", input=RULES) for _ in range(2))
    assert one.output_text == other.output_text
    assert one.usage == other.usage
    assert one.id != other.id


def test_models_are_listed(openai_client: openai.OpenAI) -> None:
    assert "gpt-5.1" in [model.id for model in openai_client.models.list()]
    assert openai_client.models.retrieve("gpt-5.1").id == "gpt-5.1"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("gpt-0")


def test_what_was_asked_is_known_without_keys_and_pictures(
    openai_client: openai.OpenAI, model_server: RunningModelServer
) -> None:
    content = picture("newspaper")
    look(openai_client, content)
    (record,) = model_server.requests("openai")
    assert (record.outcome, record.status, record.model, record.schema) == ("answered", 200, "gpt-5.1", "Vision")
    assert record.texts == [CLASSES, "이건 어떻게 버려요?"]
    assert record.body["store"] is False
    assert len(record.images) == 1
    assert base64.b64encode(content).decode() not in repr(record)
    assert "sk-of-a-test" not in repr(record)
