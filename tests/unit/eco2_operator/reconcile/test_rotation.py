"""Changes of Secrets within a window become one rollout."""

import pytest
from tests.unit.eco2_operator.fakes import KEY, Clock

from eco2_operator.naming import Key
from eco2_operator.reconcile.rotation import Rotation

WINDOW = 10.0
OLD, NEW, NEWER = {"db": "1", "api": "1"}, {"db": "2", "api": "1"}, {"db": "2", "api": "2"}
OTHER = Key("EcoDomain", "shop", "chat")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rotation(clock: Clock) -> Rotation:
    return Rotation(clock, WINDOW)


def settle(rotation: Rotation, live: dict[str, str], wanted: dict[str, str], *, at_once: bool = False) -> object:
    return rotation.settle(KEY, live=live, wanted=wanted, at_once=at_once)


def test_what_is_as_wanted_is_left(rotation: Rotation) -> None:
    assert settle(rotation, OLD, OLD) == (OLD, None)


def test_a_change_waits_for_the_window_to_close(rotation: Rotation, clock: Clock) -> None:
    assert settle(rotation, OLD, NEW) == (OLD, WINDOW)
    clock.turn(WINDOW - 1)
    assert settle(rotation, OLD, NEW) == (OLD, 1)
    clock.turn(1)
    assert settle(rotation, OLD, NEW) == (NEW, None)


def test_a_second_change_neither_opens_a_window_of_its_own_nor_prolongs_the_first(
    rotation: Rotation, clock: Clock
) -> None:
    settle(rotation, OLD, NEW)
    clock.turn(6)
    assert settle(rotation, OLD, NEWER) == (OLD, 4)
    clock.turn(4)
    assert settle(rotation, OLD, NEWER) == (NEWER, None)
    assert settle(rotation, NEWER, NEWER) == (NEWER, None)


def test_a_change_that_is_taken_back_replaces_nothing_and_the_next_waits_its_whole_window(
    rotation: Rotation, clock: Clock
) -> None:
    settle(rotation, OLD, NEW)
    clock.turn(6)
    assert settle(rotation, OLD, OLD) == (OLD, None)
    assert settle(rotation, OLD, NEW) == (OLD, WINDOW)


def test_pods_that_are_replaced_anyway_take_the_change_with_them(rotation: Rotation) -> None:
    settle(rotation, OLD, NEW)
    assert settle(rotation, OLD, NEW, at_once=True) == (NEW, None)
    assert settle(rotation, OLD, NEW) == (OLD, WINDOW)  # the window was closed by that


@pytest.mark.parametrize(("live", "wanted"), [({}, OLD), (OLD, {}), ({"db": "1"}, OLD), (OLD, {"db": "1"})])
def test_a_secret_more_or_less_is_a_change_of_the_spec_and_waits_for_nothing(
    rotation: Rotation, live: dict[str, str], wanted: dict[str, str]
) -> None:
    assert settle(rotation, live, wanted) == (wanted, None)


def test_every_domain_has_a_window_of_its_own(rotation: Rotation, clock: Clock) -> None:
    settle(rotation, OLD, NEW)
    clock.turn(6)
    assert rotation.settle(OTHER, live=OLD, wanted=NEW, at_once=False) == (OLD, WINDOW)


def test_a_domain_that_was_deleted_begins_anew(rotation: Rotation, clock: Clock) -> None:
    settle(rotation, OLD, NEW)
    clock.turn(6)
    rotation.forget(KEY)
    assert settle(rotation, OLD, NEW) == (OLD, WINDOW)


def test_without_a_window_nothing_waits(clock: Clock) -> None:
    assert settle(Rotation(clock, 0), OLD, NEW) == (NEW, None)
