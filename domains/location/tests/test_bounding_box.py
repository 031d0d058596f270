"""The parameter bbox, and what is said of one that is wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_location.bounding_box import PATTERN, WORLD, parse_bbox
from eco2_location.geo import Box, boxes_between


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("126.9,37.4,127.1,37.6", Box(37.4, 126.9, 37.6, 127.1)),
        ("126.9,37.6,127.1,37.4", Box(37.4, 126.9, 37.6, 127.1)),
        ("-10,-20.5,10.25,20", Box(-20.5, -10, 20, 10.25)),
        ("5,5,5,5", Box(5, 5, 5, 5)),
    ],
)
def test_two_corners(text: str, box: Box) -> None:
    assert parse_bbox(text) == (box,)


def test_across_the_antimeridian_and_around_the_world() -> None:
    assert parse_bbox("170,-10,-170,10") == (Box(-10, 170, 10, 180), Box(-10, -180, 10, -170))
    assert parse_bbox(WORLD) == boxes_between(-180, -90, 180, 90)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "four numbers"),
        ("1,2,3", "four numbers"),
        ("1,2,3,4,5", "four numbers"),
        ("a,2,3,4", "four numbers"),
        ("37.4,126.9,37.6,127.1", "longitudes first"),
        ("181,1,2,3", "-180 to 180"),
        ("1,91,2,95", "longitudes first"),
        ("100,91,101,95", "-90 to 90"),
        ("nan,1,2,3", "-180 to 180"),
        ("inf,1,2,3", "-180 to 180"),
        ("1e1,1,2,3", "written as"),
        (" 1,1,2,3", "written as"),
        ("+1,1,2,3", "written as"),
        ("1,1,2,3\n", "written as"),
        ("１,1,2,3", "written as"),
        (f"1.{'0' * 21},1,2,3", "written as"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_bbox(text)


@examples(max_examples=300, derandomize=True, deadline=None)
@given(st.from_regex(PATTERN.replace("$", r"\Z"), fullmatch=True))
def test_whatever_fits_the_pattern_is_a_box(text: str) -> None:
    for box in parse_bbox(text):
        assert -90 <= box.south <= box.north <= 90
        assert -180 <= box.west <= box.east <= 180
