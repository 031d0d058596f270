"""The annotation that carries hashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco2_operator.build.hashes import dump, load

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?", fullmatch=True)


@given(st.dictionaries(NAMES, st.from_regex(r"[0-9a-f]{16}", fullmatch=True)))
def test_what_was_dumped_is_loaded(hashes: dict[str, str]) -> None:
    assert load(dump(hashes)) == hashes


def test_the_annotation_is_sorted() -> None:
    assert dump({"b": "2", "a": "1"}) == dump({"a": "1", "b": "2"}) == "a=1,b=2"


@pytest.mark.parametrize("text", ["", ",", "nonsense", "=x", "a=", "a=,=b,c"])
def test_what_is_no_pair_is_dropped(text: str) -> None:
    assert load(text) == {}
