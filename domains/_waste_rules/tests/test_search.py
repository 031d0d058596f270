"""Finding rules: what has to be found whatever the figures say."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eco2_waste_rules.intent import Intent, intent_of
from eco2_waste_rules.knowledge import load_knowledge
from eco2_waste_rules.models import ItemClass
from eco2_waste_rules.search import MAX_CHARACTERS, RuleIndex

EXAMPLES = settings(max_examples=200, derandomize=True, deadline=None)
INDEX = RuleIndex(load_knowledge())


@pytest.mark.parametrize("item", load_knowledge().items.values(), ids=lambda item: item.id)
def test_an_item_is_found_by_each_of_its_names(item: ItemClass) -> None:
    for name in (item.name, *item.aliases):
        for question in (name, f"{name} 어떻게 버려요?", f"{name} 재활용 되나요"):
            assert any(item.id in hit.rule.items for hit in INDEX.search(question)), question


@pytest.mark.parametrize(
    ("question", "rule"),
    [
        ("생수병 어떻게 버려요?", "clear-pet-bottle"),
        ("먹고 남은 족발 뼈는 음식물 쓰레기인가요", "bones"),
        ("후라이팬 버리는 법", "cookware"),
        ("마트 영수증 종이로 버려도 되나요", "receipt"),
        ("PP 용기 재활용 되나요", "plastic-container"),
    ],
)
def test_a_question_is_answered(question: str, rule: str) -> None:
    assert INDEX.search(question)[0].rule.id == rule


@pytest.mark.parametrize(
    "question",
    [
        *("", "   ", "?", "ㅋㅋㅋㅋ", "안녕하세요", "how are you", "\x00", "😀"),
        *(
            "냉장고 온도 몇 도로 맞춰요",
            "우유로 치즈 만드는 법",
            "매트리스 추천해줘",
            "오늘 날씨 어때",
            "APP 로그인이 안 돼요",
        ),
    ],
)
def test_what_nothing_here_answers_finds_nothing(question: str) -> None:
    assert INDEX.search(question) == []


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("냉장고 버리는 비용 얼마", Intent.DISPOSAL),
        ("머그컵은 유리 칸인가요", Intent.DISPOSAL),
        ("스티로폼 테이프 붙은 채로 괜찮나요", Intent.DISPOSAL),
        ("냉장고 얼마", Intent.SOMETHING_ELSE),
        ("온도계", Intent.UNKNOWN),
        ("건전지", Intent.UNKNOWN),
    ],
)
def test_what_a_question_asks_for(question: str, intent: Intent) -> None:
    assert intent_of(question) is intent


def test_the_best_rule_comes_first_and_no_more_than_asked_for() -> None:
    hits = INDEX.search("플라스틱 용기 어떻게 버려요?", limit=5)
    assert len(hits) == 5
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert INDEX.search("플라스틱 용기 어떻게 버려요?", limit=2) == hits[:2]


def test_short_names_stand_in_one_word() -> None:
    assert "vegetable-scraps" in [hit.rule.id for hit in INDEX.search("가지 버려도 되나요")]
    assert "vegetable-scraps" not in [hit.rule.id for hit in INDEX.search("휴대폰 가 지금 버려도 되나요")]


def test_letters_are_a_name_as_a_word_only() -> None:
    assert INDEX.search("핸드폰 APP 버려요", limit=200) == INDEX.search("핸드폰 XYZ 버려요", limit=200)
    assert INDEX.search("핸드폰 PP 버려요", limit=200) != INDEX.search("핸드폰 XYZ 버려요", limit=200)


def test_the_rest_of_an_endless_question_is_not_looked_at() -> None:
    endless = "건전지 어디에 버려요? " + "가" * (3 * MAX_CHARACTERS) + " 피아노"
    assert next(hit.rule.id for hit in INDEX.search(endless)) == "dry-battery"


def test_threads_share_an_index() -> None:
    asked = ["우유팩 버리는 법", "형광등 어디에 버려요", "깨진 유리 버리기", "오늘 저녁 뭐 먹지"] * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(INDEX.search, asked)) == [INDEX.search(question) for question in asked]


@EXAMPLES
@given(st.text(max_size=200), st.integers(1, 10))
def test_any_text_may_be_asked(text: str, limit: int) -> None:
    hits = INDEX.search(text, limit=limit)
    assert hits == INDEX.search(text, limit=limit)
    assert len({hit.rule.id for hit in hits}) == len(hits) <= limit
