"""Snippets: the part of a text that has most of what was asked."""

from collections.abc import Mapping

from hypothesis import example, given
from hypothesis import strategies as st

from eco2_info.snippets import LENGTH, _best, snippet

FILLER = "다른 이야기를 길게 늘어놓는다. " * 12
WORDS = st.lists(st.text("가나다ab İ", min_size=1, max_size=6), max_size=80).map(" ".join)
WEIGHTS = st.dictionaries(st.text("가나다ab", min_size=1, max_size=3), st.floats(0.1, 5), max_size=5)


def test_a_short_text_is_shown_whole_in_one_line() -> None:
    assert snippet("비우고\n\n헹군다.", {"비우": 1.0}) == "비우고 헹군다."


def test_the_beginning_is_shown_when_nothing_of_it_was_asked() -> None:
    shown = snippet(FILLER, {"우유": 1.0})
    assert shown.startswith("다른 이야기를")
    assert shown.endswith("…")


def test_it_is_cut_around_what_was_asked_at_words() -> None:
    shown = snippet(f"{FILLER}우유팩은 헹구어 말린다. {FILLER}", {"우유": 1.0, "유팩": 1.0})
    assert "우유팩은 헹구어 말린다." in shown
    inside = shown.strip("…")
    assert (shown[0], shown[-1]) == ("…", "…")
    assert set(inside.split()) <= set(f"{FILLER}우유팩은 헹구어 말린다.".split())


def test_the_place_that_says_most_is_shown() -> None:
    text = f"버려도 된다. {FILLER}우유팩은 버려도 된다. {FILLER}버려라, 버려라, 버려라. {FILLER}"
    assert "우유팩은" in snippet(text, {"버려": 0.5, "우유": 2.0})
    assert snippet(text, {"버려": 0.5}).startswith("버려도")  # each counts once, and the first of equals is shown


def test_at_the_end_of_a_text_there_is_more_of_what_stands_before() -> None:
    shown = snippet(f"{FILLER}우유팩.", {"우유": 1.0})
    assert shown.endswith("우유팩.")
    assert len(shown) > LENGTH / 2


def test_letters_of_either_case_are_found() -> None:
    assert "LED" in snippet(f"{FILLER}LED 전구. {FILLER}", {"led": 1.0})


def plain_best(line: str, weights: Mapping[str, float]) -> int:
    """The window that weighs most, by looking at each on its own."""
    hits = sorted((at, token) for token in weights for at in range(len(line)) if line.startswith(token, at))
    windows = [
        (sum(weights[token] for token in {t for at, t in hits if start <= at <= start + LENGTH - 20 - len(t)}), start)
        for start, _ in hits
    ]
    return max(windows, key=lambda window: (window[0], -window[1]))[1] if windows else 0


@given(
    st.text("가나다ab ", max_size=400), st.dictionaries(st.text("가나ab", min_size=1, max_size=2), st.integers(1, 9))
)
def test_the_window_is_the_one_that_weighs_most(line: str, weights: dict[str, int]) -> None:
    assert _best(line, weights) == plain_best(line, weights)


class Counted(str):
    """A token that counts how often it is looked at."""

    looks = 0

    def __len__(self) -> int:
        Counted.looks += 1
        return super().__len__()


def test_each_hit_is_looked_at_a_few_times_however_many_there_are() -> None:
    snippet("가 " * 5000, {Counted("가"): 1.0})
    assert 0 < Counted.looks <= 15_000


@given(WORDS, WEIGHTS)
@example("가 " * 300, {"가": 1.0})
@example("İ" * 300 + " a", {"a": 1.0})
def test_it_is_a_part_of_the_text_and_never_too_long(text: str, weights: dict[str, float]) -> None:
    line = " ".join(text.split())
    shown = snippet(text, weights)
    inside = shown.removeprefix("…").removesuffix("…")
    assert inside in line
    assert len(inside) <= LENGTH
    assert shown.startswith("…") or line.startswith(inside)
    assert shown.endswith("…") or line.endswith(inside)


@given(WORDS, st.text("가나다", min_size=1, max_size=2))
def test_what_is_in_the_text_is_in_the_snippet(text: str, token: str) -> None:
    line = " ".join(text.split())
    if token in line and "İ" not in line:
        assert token in snippet(text, {token: 1.0})
