"""An answer while it is being written."""

import json
import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_waste_pipeline.errors import AnswerMalformed
from eco2_waste_pipeline.growing import MAX_CHARACTERS, GrowingAnswer
from eco2_waste_pipeline.guard import OutputGuard, passages
from eco2_waste_pipeline.results import Answer

FENCE = "0123456789abcdef"


def reader(rule_ids: tuple[str, ...] = ("paper-box", "unread")) -> GrowingAnswer:
    return GrowingAnswer(OutputGuard(fence=FENCE, instructions=passages("")), rule_ids, {"paper-box"} & {*rule_ids})


def cut(text: str, places: Iterable[int]) -> list[str]:
    ends = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


def read(reader: GrowingAnswer, parts: Iterable[str]) -> tuple[list[str], Answer]:
    *pieces, answer = reader.read(iter(parts))
    assert isinstance(answer, Answer)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    return [str(piece) for piece in pieces], answer


@given(
    text=st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co")), min_size=1)
    .filter(lambda text: bool(text.strip()))
    .filter(lambda text: not re.search("fence|[.。．｡․/@]", text)),
    places=st.lists(st.integers(0, 5000), max_size=40),
    ascii_only=st.booleans(),
)
def test_the_pieces_are_the_text_wherever_it_is_cut(text: str, places: list[int], ascii_only: bool) -> None:
    output = json.dumps({"rule_ids": ["paper-box"], "text": text}, ensure_ascii=ascii_only)
    pieces, answer = read(reader(), cut(output, places))
    assert "".join(pieces) == answer.text == text
    assert answer.rule_ids == ("paper-box",)


def test_words_come_before_the_end() -> None:
    output = json.dumps({"rule_ids": ["paper-box"], "text": "상자는 펼쳐서 종이류로 내놓으세요. " * 10})
    seen: list[str | Answer] = []
    answers = reader().read(iter(cut(output, range(0, 2000, 10))))
    seen.append(next(answers))
    seen.append(next(answers))
    assert all(isinstance(piece, str) for piece in seen)
    assert len(list(answers)) > 5


def test_what_rests_on_nothing_is_not_shown() -> None:
    output = json.dumps({"rule_ids": [], "text": "제 생각에는 태우면 돼요. " * 20})
    pieces, answer = read(reader(), cut(output, range(0, 900, 10)))
    assert pieces == []
    assert answer.rule_ids == ()


def test_small_talk_needs_no_rules() -> None:
    pieces, answer = read(reader(()), cut(json.dumps({"text": "안녕하세요! " * 20}), range(0, 900, 10)))
    assert "".join(pieces) == answer.text
    assert len(pieces) > 1
    assert answer.rule_ids == ()


def test_a_rule_is_cited_once() -> None:
    _, answer = read(reader(), [json.dumps({"rule_ids": ["paper-box", "unread", "paper-box"], "text": "종이류예요."})])
    assert answer.rule_ids == ("paper-box", "unread")


LONG = "상자는 펼쳐서 종이류로 내놓으세요. " * 5


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("{", "not what was asked for"),
        ("", "not what was asked for"),
        ("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]", "not what was asked for"),
        ("그냥 글이에요. 종이류로 내놓으세요. 안녕히 계세요.", "not JSON"),
        ('{"rule_ids": ["paper-box"], "text": "' + LONG, "not what was asked for"),
        (json.dumps({"rule_ids": ["made-up"], "text": LONG}), "unknown rule"),
        (json.dumps({"rule_ids": "paper-box", "text": LONG}), "not what was asked for"),
        (json.dumps({"rule_ids": [1], "text": LONG}), "not what was asked for"),
        (json.dumps({"rule_ids": ["paper-box"], "text": 5}), "not what was asked for"),
        (json.dumps({"rule_ids": ["paper-box"], "text": " \n "}), "empty"),
        (json.dumps({"rule_ids": ["paper-box"], "text": "a", "more": 1}), "not what was asked for"),
        (json.dumps({"rule_ids": ["paper-box"], "text": f"{LONG}{FENCE}{LONG}"}), "fence"),
        (json.dumps({"rule_ids": ["unread"], "text": f"{LONG}공식 지침이에요. {LONG}"}), "official"),
        (json.dumps({"rule_ids": ["paper-box"], "text": "가" * MAX_CHARACTERS}, ensure_ascii=False), "too long"),
        ('{"rule_ids":["paper-box"],"text":"' + LONG + '","text":"다른 답이에요. ' + LONG + '"}', "two answers"),
    ],
)
def test_what_is_no_answer(output: str, reason: str) -> None:
    with pytest.raises(AnswerMalformed, match=reason):
        list(reader().read(iter(cut(output, range(0, 5000, 10)))))


def test_rules_that_come_last_are_waited_for() -> None:
    output = json.dumps({"text": LONG, "rule_ids": ["paper-box"]})
    pieces, answer = read(reader(), cut(output, range(0, 900, 10)))
    assert pieces == [LONG]
    assert answer.rule_ids == ("paper-box",)


def test_no_citation_without_rules() -> None:
    with pytest.raises(AnswerMalformed, match="unknown rule"):
        reader(()).whole(json.dumps({"rule_ids": ["paper-box"], "text": "종이류예요."}))
