"""If-None-Match against an ETag (RFC 9110, section 13.1.2)."""

import pytest

from eco2_service.conditional import has_match

ETAG = '"abc"'


@pytest.mark.parametrize(
    "values",
    [['"abc"'], ['W/"abc"'], ["*"], [' "x" , "abc" '], ['"x"', '"abc"'], ['"x","abc"'], ['"a,b", "abc"']],
)
def test_it_is_among_them(values: list[str]) -> None:
    assert has_match(values, ETAG)


@pytest.mark.parametrize("values", [[], [""], ["abc"], ['"ABC"'], ['"abcd"'], ['"x*"'], ["**"], ['"abc'], ['w/"ab"']])
def test_it_is_not(values: list[str]) -> None:
    assert not has_match(values, ETAG)
