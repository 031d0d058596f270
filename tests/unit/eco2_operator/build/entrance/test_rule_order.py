"""How early a route has to be looked at."""

import pytest

from eco2_operator.build.entrance.rule_order import depths


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, {}),
        ({"/a": "x", "/b": "y"}, {"/a": 0, "/b": 0}),
        ({"/": "x", "/a": "x", "/a/b": "x"}, {"/": 0, "/a": 0, "/a/b": 0}),
        ({"/": "x", "/a": "y", "/a/b": "x"}, {"/": 0, "/a": 1, "/a/b": 2}),
        ({"/": "x", "/a/b": "y"}, {"/": 0, "/a/b": 1}),
        ({"/a": "x", "/ab": "y", "/a.b": "y", "/a/b": "y"}, {"/a": 0, "/ab": 0, "/a.b": 0, "/a/b": 1}),
        ({"/": "x", "/a": "y", "/a/b": "y", "/a/b/c": "y"}, {"/": 0, "/a": 1, "/a/b": 1, "/a/b/c": 1}),
    ],
)
def test_the_depth_grows_where_the_group_changes(groups: dict[str, str], expected: dict[str, int]) -> None:
    assert depths(groups) == expected


def test_a_longer_route_changes_the_depth_of_no_other() -> None:
    before = {"/": "x", "/a": "y", "/a/b": "x"}
    assert depths(before).items() <= depths({**before, "/a/b/c": "z", "/b/c": "y"}).items()
