"""Laws of matching: which character a classification earns."""

import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eco2_character.matching import Labels, best, fold, keys_of, tidy

EXAMPLES = settings(max_examples=300, derandomize=True, deadline=None)
LABELS = st.sampled_from(["종이류", "종이팩", "유리 병", "PET", "금속"])
PATHS = st.builds(
    lambda labels: Labels(*labels), st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: (*labels,))
)
CLASSIFICATIONS = st.builds(Labels, LABELS, LABELS, st.none() | LABELS)
SPACES = st.sampled_from(["", " ", "  ", "\t", "\u3000", "\u00a0", "\n"])


@dataclass(frozen=True)
class Candidate:
    code: str
    match: Labels


CATALOGUES = st.lists(PATHS, max_size=12, unique_by=lambda labels: labels.key).map(
    lambda paths: [Candidate(f"c{number}", labels) for number, labels in enumerate(paths)]
)


@EXAMPLES
@given(CATALOGUES, CLASSIFICATIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_catalogue_does_not_matter(catalogue, classification, random) -> None:
    shuffled = random.sample(catalogue, len(catalogue))
    assert best(catalogue, classification) == best(shuffled, classification)


@EXAMPLES
@given(CATALOGUES, CLASSIFICATIONS)
def test_what_matches_wins_by_the_levels_it_names(catalogue, classification) -> None:
    levels = classification.levels
    matching = [one for one in catalogue if one.match.levels == levels[: len(one.match.levels)]]
    won = best(catalogue, classification)
    assert won == max(matching, key=lambda one: len(one.match.levels), default=None)


@EXAMPLES
@given(CATALOGUES, CLASSIFICATIONS, st.lists(SPACES, min_size=6, max_size=6), st.sampled_from(["NFC", "NFD"]))
def test_spelling_does_not_matter(catalogue, classification, spaces, form) -> None:
    def other(label: str, before: str, inside: str) -> str:
        spelt = f"{before}{label[:1]}{inside}{label[1:]}{before}"
        return unicodedata.normalize(form, spelt).swapcase()

    levels = [other(label, *spaces[2 * n : 2 * n + 2]) for n, label in enumerate(classification.levels)]
    assert best(catalogue, Labels(*levels)) == best(catalogue, classification)


@EXAMPLES
@given(st.text())
def test_folding_twice_is_folding_once_and_forms_fold_alike(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)
    assert fold(tidy(text)) == fold(text)


@EXAMPLES
@given(st.text())
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


@EXAMPLES
@given(st.lists(st.text(min_size=1), min_size=2, max_size=3), st.lists(st.text(min_size=1), min_size=2, max_size=3))
def test_other_labels_have_another_key(one: list[str], other: list[str]) -> None:
    same = [fold(label) for label in one] == [fold(label) for label in other]
    assert (Labels(*one).key == Labels(*other).key) is same


def test_a_level_that_is_blank_earns_nothing() -> None:
    catalogue = [Candidate("any", Labels("재활용폐기물"))]
    assert best(catalogue, Labels("재활용폐기물", " ")) is None
    assert keys_of(Labels(" ", "종이팩")) == ()


def test_labels_after_a_gap_do_not_count() -> None:
    assert Labels("재활용폐기물", None, "우유팩").levels == ("재활용폐기물",)


def test_should_two_have_the_same_labels_the_first_code_wins() -> None:
    twins = [Candidate("b", Labels("종이류")), Candidate("a", Labels("종이 류"))]
    won = best(twins, Labels("종이류", "책"))
    assert won is not None
    assert won.code == "a"


@pytest.mark.parametrize(
    ("labels", "shown"),
    [(Labels("재활용폐기물"), "재활용폐기물"), (Labels("재활용폐기물", "종이팩"), "재활용폐기물 > 종이팩")],
)
def test_labels_are_shown_from_the_general_to_the_special(labels: Labels, shown: str) -> None:
    assert str(labels) == shown
