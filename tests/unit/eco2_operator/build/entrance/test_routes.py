import pytest
from support.specimens import asked, denied, entrance, public

from eco2_operator.build.entrance.routes import Boundaries, Region, by_specificity, is_denied, is_open, patterns


def test_the_longest_path_comes_first_and_then_the_text_decides() -> None:
    routes = entrance(asked("/"), asked("/b"), asked("/a/b"), asked("/a"), asked("/ab")).spec.routes
    assert [route.path for route in by_specificity(routes)] == ["/a/b", "/ab", "/a", "/b", "/"]


def test_patterns_end_at_segments() -> None:
    assert patterns(["/a", "/b/c"]) == ["/a", "/a/*", "/b/c", "/b/c/*"]
    assert patterns(["/"]) == ["/*"]


def test_only_routes_at_which_something_changes_are_boundaries() -> None:
    routes = entrance(
        asked("/"), asked("/a"), public("/a/b"), denied("/a/b/c"), asked("/a/b/d"), asked("/a/b/d/e"), public("/ab")
    ).spec.routes
    assert Boundaries.of(routes, is_open) == Boundaries(begins=("/a/b", "/ab"), ends=("/a/b/d",))
    assert Boundaries.of(routes, is_denied) == Boundaries(begins=("/a/b/c",), ends=())


def test_regions_leave_out_what_begins_again_below_them() -> None:
    routes = entrance(public("/"), asked("/a"), public("/a/b"), asked("/a/b/c"), public("/a/b/c/d")).spec.routes
    openings = Boundaries.of(routes, is_open)
    assert openings.outermost == ("/",)
    assert openings.without_it() == [Region("/a", ("/a/b",)), Region("/a/b/c", ("/a/b/c/d",))]
    assert openings.with_it() == [Region("/", ("/a",)), Region("/a/b", ("/a/b/c",)), Region("/a/b/c/d", ())]


@pytest.mark.parametrize(("route", "is_it"), [(asked("/"), False), (public("/"), True), (denied("/"), True)])
def test_nobody_is_asked_about_public_and_denied_routes(route: dict[str, object], is_it: bool) -> None:
    (parsed,) = entrance(route).spec.routes
    assert is_open(parsed) is is_it
