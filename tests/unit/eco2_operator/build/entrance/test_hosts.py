import pytest

from eco2_operator.build.entrance.hosts import authority, distinct, policy_patterns


@pytest.mark.parametrize(
    ("hosts", "kept"),
    [
        (["b.x", "a.x", "b.x"], ("a.x", "b.x")),
        (["*.x.y", "a.x.y", "b.a.x.y", "*.a.x.y", "x.y", "ax.y"], ("*.x.y", "ax.y", "x.y")),
        (["*.a.x.y", "*.b.x.y"], ("*.a.x.y", "*.b.x.y")),
    ],
)
def test_a_host_that_a_wildcard_covers_is_not_named_again(hosts: list[str], kept: tuple[str, ...]) -> None:
    assert distinct(hosts) == kept


def test_a_policy_knows_a_host_with_any_port_and_a_wildcard_with_those_of_the_gateway() -> None:
    assert policy_patterns(["a.x"]) == ["a.x", "a.x:*"]
    assert policy_patterns(["*.x.y"]) == ["*.x.y", "*.x.y:80", "*.x.y:443"]


def test_routes_ask_for_these_ports_only_where_there_is_a_wildcard() -> None:
    assert authority("*.x.y", ["*.x.y"]) == {"regex": "(?i)[^:]*[.]x[.]y(:(80|443))?"}


def test_routes_tell_hosts_apart_where_there_are_several() -> None:
    assert authority("a.x", ["a.x"]) is None
    assert authority("a.x", ["a.x", "b.x"]) == {"regex": "(?i)a[.]x(:([0-9]*))?"}
