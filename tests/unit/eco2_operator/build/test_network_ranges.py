import pytest

from eco2_operator.build.network_ranges import canonical, outside


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3/32", "10.1.2.3/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::1/64", "2001:db8::/64"),
    ],
)
def test_a_range_is_written_in_one_way(cidr: str, expected: str) -> None:
    assert canonical(cidr) == expected


def test_the_metadata_services_are_never_outside() -> None:
    assert outside(()) == [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
        {"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128", "fe80::/10"]}},
    ]


def test_a_range_within_another_is_dropped() -> None:
    v4, v6 = outside(["10.0.0.0/8", "10.9.0.0/16", "169.254.169.254/32", "fd00::/8", "fc00::/7"])
    assert v4["ipBlock"]["except"] == ["10.0.0.0/8", "169.254.0.0/16"]
    assert v6["ipBlock"]["except"] == ["fc00::/7", "fe80::/10"]


def test_adjoining_ranges_become_one() -> None:
    assert outside(["10.0.0.0/9", "10.128.0.0/9"])[0]["ipBlock"]["except"] == ["10.0.0.0/8", "169.254.0.0/16"]


def test_a_family_that_is_wholly_inside_is_left_out() -> None:
    assert [peer["ipBlock"]["cidr"] for peer in outside(["0.0.0.0/0"])] == ["::/0"]
    assert [peer["ipBlock"]["cidr"] for peer in outside(["::/1", "8000::/1"])] == ["0.0.0.0/0"]
    assert outside(["0.0.0.0/0", "::/0"]) == []
