"""Laws of the tokenizer."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eco2_waste_rules.tokens import PARTICLES, tokens

EXAMPLES = settings(max_examples=300, derandomize=True, deadline=None)
HANGUL = st.text(st.characters(min_codepoint=ord("가"), max_codepoint=ord("힣")), min_size=2, max_size=5)


def test_the_tokens_of_a_word() -> None:
    assert tokens("페트병") == ["페", "트", "병", "페트", "트병"]
    assert tokens("AA건전지 2개") == ["aa", "건", "전", "지", "건전", "전지", "2"]


@pytest.mark.parametrize(
    "asked", ["페트병을", "페트병은", "페트병이랑", "페트병에는", "페트병!", "페트병 어떻게 버려요?"]
)
def test_a_word_is_found_whatever_hangs_on_it(asked: str) -> None:
    assert tokens(asked) == tokens("페트병")


@pytest.mark.parametrize("word", ["병을", "랩은", "캔이"])
def test_no_particle_is_taken_off_a_single_syllable(word: str) -> None:
    assert tokens(word) == [*word, word]


@pytest.mark.parametrize("text", ["", "  ", "?!", "어떻게 버려요", "이거 어디에 버리나요", "\u200b"])
def test_what_names_nothing_has_no_tokens(text: str) -> None:
    assert tokens(text) == []


@EXAMPLES
@given(st.text(max_size=60))
def test_spelling_and_case_make_no_difference(text: str) -> None:
    found = tokens(text)
    assert all(found)
    assert tokens(unicodedata.normalize("NFD", text)) == tokens(unicodedata.normalize("NFC", text))


@EXAMPLES
@given(HANGUL)
def test_a_word_has_its_syllables_and_pairs(word: str) -> None:
    if not any(word.endswith(particle) for particle in PARTICLES) and (found := tokens(word)):
        assert found == [*word, *map("".join, pairwise(word))]
