"""How much each token of a question says."""

from hypothesis import given
from hypothesis import strategies as st

from eco2_info.ranking import weights


def test_what_is_rare_says_more() -> None:
    said = weights({"우유": 2, "비닐": 20, "종이": 30}, 100)
    assert said["우유"] > said["비닐"] > said["종이"] > 0


def test_what_most_documents_have_says_nothing() -> None:
    assert weights({"버려": 51, "우유": 50}, 100).keys() == {"우유"}


def test_unless_nothing_else_was_asked() -> None:
    assert weights({"버려": 100, "배출": 80}, 100).keys() == {"버려", "배출"}


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.dictionaries(st.text(), st.integers(1, n)))))
def test_all_weights_are_positive_and_fall_with_the_count(sizes: tuple[int, dict[str, int]]) -> None:
    documents, found_in = sizes
    said = weights(found_in, documents)
    assert bool(said) is bool(found_in)
    assert all(weight > 0 for weight in said.values())
    by_count = sorted(said, key=lambda token: found_in[token])
    assert [said[token] for token in by_count] == sorted(said.values(), reverse=True)
