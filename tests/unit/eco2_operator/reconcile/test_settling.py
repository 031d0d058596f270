"""How long something has been as it is."""

from tests.unit.eco2_operator.fakes import Clock

from eco2_operator.reconcile.settling import Settling


def test_something_settles_when_it_has_been_so_for_long_enough() -> None:
    clock = Clock()
    settling = Settling(clock, 2.0)
    assert settling.note("policies", "a") == 2.0
    clock.turn(1.5)
    assert settling.note("policies", "a") == 0.5
    clock.turn(5)
    assert settling.note("policies", "a") == 0


def test_another_state_begins_anew() -> None:
    clock = Clock()
    settling = Settling(clock, 2.0)
    settling.note("policies", "a")
    clock.turn(2)
    assert settling.note("policies", "b") == 2.0
    assert settling.note("policies", "a") == 2.0


def test_what_is_not_known_to_be_so_is_not_waited_for() -> None:
    clock = Clock()
    settling = Settling(clock, 2.0)
    assert settling.wait("policies", "a") is None
    settling.note("policies", "a")
    clock.turn(0.5)
    assert (settling.wait("policies", "a"), settling.wait("policies", "b")) == (1.5, None)
    settling.forget("policies")
    settling.forget("never known")
    assert settling.wait("policies", "a") is None
