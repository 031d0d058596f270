import pytest

from eco2_operator.parameter_access import may_read, prefixes_of, split

LISTED = {"scan": ("/eco2/dev/api/", "/eco2/dev/data/"), "none": ()}


@pytest.mark.parametrize(
    ("namespace", "prefixes"),
    [("scan", ("/eco2/dev/api/", "/eco2/dev/data/")), ("none", ()), ("chat", ("/eco2/dev/chat/",))],
)
def test_a_namespace_has_its_own_place_unless_the_setting_lists_others(
    namespace: str, prefixes: tuple[str, ...]
) -> None:
    assert prefixes_of(namespace, listed=LISTED, environment="dev") == prefixes


@pytest.mark.parametrize(
    ("prefix", "parameter", "allowed"),
    [
        ("/eco2/dev/scan/", "/eco2/dev/scan/key", True),
        ("/eco2/dev/scan", "/eco2/dev/scan/key", True),
        ("/eco2/dev/scan", "/eco2/dev/scan", True),
        ("/eco2/dev/scan", "/eco2/dev/scanner", False),
        ("/eco2/dev/scan/", "/eco2/dev/scanner/key", False),
        ("/eco2/dev/scan/", "/eco2/dev/scan", False),
        ("/eco2/dev/scan/", "/Eco2/dev/scan/key", False),
        ("/eco2/dev/scan/", "/eco2/dev/scan/../chat/key", True),  # a name like any other: SSM knows no parents
        ("/", "/anything/at/all", True),
        ("", "/anything/at/all", False),
    ],
)
def test_a_prefix_ends_where_a_segment_ends(prefix: str, parameter: str, allowed: bool) -> None:
    assert may_read(parameter, [prefix]) is allowed


def test_one_of_several_prefixes_is_enough_and_none_allows_nothing() -> None:
    assert may_read("/b/x", ["/a/", "/b/"])
    assert not may_read("/b/x", [])


def test_what_may_be_read_is_asked_once_and_the_rest_is_refused() -> None:
    wanted, refused = split(["/b/2", "/a/1", "/b/2", "/c/3", "/c/3"], ["/a/", "/b/"], namespace="scan")
    assert wanted == ["/b/2", "/a/1"]
    assert {name: str(error) for name, error in refused.items()} == {
        "/c/3": "parameter /c/3 is not for namespace scan, which may read only under /a/, /b/: move the parameter, or"
        " add its prefix to the operator's ssmPrefixes for scan"
    }
    assert "which may read none" in str(split(["/c/3"], [], namespace="scan")[1]["/c/3"])
