from math import inf

import pytest

from eco2_authz.blacklist.revocations import Full, Revocations


def swept(revocations: Revocations, now: float, most: int = 100) -> set[str]:
    revocations.sweep(now, most)
    return set(revocations.expiries)


def test_one_is_new_once() -> None:
    revocations = Revocations(10)
    assert revocations.add("a")
    assert not revocations.add("a")
    assert len(revocations) == 1
    assert revocations.expiries["a"] == inf


def test_one_is_never_forgotten_before_its_end() -> None:
    revocations = Revocations(10)
    revocations.add("a")
    revocations.end("a", 100.0)
    assert swept(revocations, 99.9) == {"a"}
    assert swept(revocations, 200.0) == set()


def test_an_end_that_is_known_only_becomes_later() -> None:
    revocations = Revocations(10)
    revocations.add("a")
    for end, expected in ((100.0, 100.0), (50.0, 100.0), (150.0, 150.0), (inf, inf), (120.0, 120.0)):
        revocations.end("a", end)
        assert revocations.expiries["a"] == expected


def test_one_that_was_prolonged_outlives_its_first_end() -> None:
    revocations = Revocations(10)
    revocations.add("a")
    revocations.end("a", 100.0)
    revocations.end("a", 1000.0)
    assert swept(revocations, 500.0) == {"a"}
    assert swept(revocations, 1100.0) == set()


def test_without_an_end_it_stays() -> None:
    revocations = Revocations(10)
    revocations.add("a")
    revocations.add("b")
    revocations.end("b", 10.0)
    revocations.end("b", inf)
    assert swept(revocations, 1e12) == {"a", "b"}


def test_the_end_of_one_that_is_not_there_says_nothing() -> None:
    revocations = Revocations(10)
    revocations.end("a", 10.0)
    assert len(revocations) == 0


def test_there_is_a_bound() -> None:
    revocations = Revocations(2)
    revocations.add("a")
    revocations.add("b")
    with pytest.raises(Full):
        revocations.add("c")
    assert not revocations.add("a")
    revocations.end("a", 1.0)
    revocations.sweep(100.0, 10)
    assert revocations.add("c")


def test_it_forgets_a_few_at_a_time() -> None:
    revocations = Revocations(100)
    for number in range(10):
        revocations.add(str(number))
        revocations.end(str(number), 1.0)
    assert revocations.sweep(100.0, 4)
    assert len(revocations) == 6
    assert revocations.sweep(100.0, 4)
    assert not revocations.sweep(100.0, 4)
    assert len(revocations) == 0
