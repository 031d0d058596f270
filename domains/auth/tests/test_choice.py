"""Which key signs."""

from hypothesis import given
from hypothesis import strategies as st

from eco2_auth.keys.choice import MATURE_SECONDS, Choice, KeyRecord, candidates, choose

NOW = 1_000_000.0


def records(**ages: float) -> dict[str, KeyRecord]:
    """Keys and how many seconds ago each was published."""
    return {kid: KeyRecord(kid, {}, NOW - age) for kid, age in ages.items()}


def test_the_first_mature_key_signs() -> None:
    assert choose(["new", "old"], records(new=MATURE_SECONDS - 1, old=90_000), NOW) == Choice("old")
    assert choose(["new", "old"], records(new=MATURE_SECONDS, old=90_000), NOW) == Choice("new")
    assert choose(["old", "new"], records(new=MATURE_SECONDS, old=90_000), NOW) == Choice("old")


def test_while_none_is_mature_the_one_that_was_published_first_signs() -> None:
    assert choose(["a", "b"], records(a=0, b=0), NOW) == Choice("a")
    assert choose(["new", "a", "b"], records(new=0, a=60, b=60), NOW) == Choice("a")


def test_it_is_early_when_others_know_an_older_one() -> None:
    assert choose(["new"], records(new=0, gone=90_000), NOW) == Choice("new", early=True)
    assert choose(["new"], records(new=MATURE_SECONDS, gone=90_000), NOW) == Choice("new")


def test_nothing_signs_that_is_not_published() -> None:
    assert choose(["a"], {}, NOW) is None
    assert choose(["a", "b"], records(b=0, c=9), NOW) == Choice("b", early=True)
    assert candidates(["a"], {}, NOW, NOW + 1) == set()


ages = st.dictionaries(st.sampled_from("abcde"), st.floats(0, 2 * MATURE_SECONDS), min_size=1)


@given(ages, st.permutations("abcde"), st.floats(0, 3600), st.floats(0, 1))
def test_who_may_sign_in_a_while_is_known_beforehand(
    ages: dict[str, float], bundle: list[str], length: float, part: float
) -> None:
    published = records(**ages)
    chosen = choose(bundle, published, NOW + length * part)
    assert chosen is not None
    assert chosen.kid in candidates(bundle, published, NOW, NOW + length)
