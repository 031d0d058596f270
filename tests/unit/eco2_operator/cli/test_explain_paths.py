"""Paths as a gateway takes them, and hosts as specs write them."""

import pytest

from eco2_operator.cli.explain.hosts import fits
from eco2_operator.cli.explain.paths import plain, rewritten, taken_by, under
from eco2_operator.model.ingress import Route


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("//a///b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/../../a", "/a"),
        ("/a/%2e%2E/b", "/b"),
        ("/%61pi", "/api"),
        ("/%20x", "/%20x"),
        ("/a\\b", "/a/b"),
    ],
)
def test_the_plain_form(sent, taken):
    assert plain(sent) == taken


def test_the_longest_prefix_on_a_segment_boundary_takes_a_path():
    paths = ["/api", "/api/v1/scan", "/api/v1"]
    routes = [Route.model_validate({"path": path, "deny": True}) for path in paths]
    for path, prefix in (
        ("/api/v1/scan", "/api/v1/scan"),
        ("/api/v1/scan/1", "/api/v1/scan"),
        ("/api/v1/scanner", "/api/v1"),
        ("/api", "/api"),
    ):
        taken = taken_by(routes, path)
        assert taken is not None
        assert taken.path == prefix
    assert taken_by(routes, "/apis") is None
    assert under("/x", "/")


@pytest.mark.parametrize(
    ("path", "prefix", "rewrite", "seen"),
    [
        ("/a/b", "/a", None, "/a/b"),
        (None, "/a", "/x", None),
        ("/a", "/a", "/x", "/x"),
        ("/a/b", "/a", "/x", "/x/b"),
        ("/a/b", "/a", "/", "/b"),
    ],
)
def test_what_the_domain_sees(path, prefix, rewrite, seen):
    assert rewritten(path, prefix, rewrite) == seen


@pytest.mark.parametrize(
    ("known", "host", "fit"),
    [
        ("a.x.org", "a.x.org", True),
        ("a.x.org", "b.x.org", False),
        ("*.x.org", "a.x.org", True),
        ("*.x.org", "a.b.x.org", True),
        ("*.x.org", "x.org", False),
        ("*.x.org", "ax.org", False),
    ],
)
def test_a_wildcard_stands_for_everything_below_it(known, host, fit):
    assert fits(known, host) is fit
