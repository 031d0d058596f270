"""How much that costs a peer nothing it may send."""

import pytest

from eco2_authz.http2.errors import ConnectionFault, ErrorCode
from eco2_authz.http2.guard import Guard
from eco2_authz.http2.limits import Limits


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard(Limits(control_frames=10, resets=3), clock)


def frames(guard: Guard, count: int, *, calls: int = 0) -> None:
    for _ in range(count):
        guard.idle_frame(calls)


def test_so_many_idle_frames_a_second_and_no_more(guard: Guard, clock: Clock) -> None:
    frames(guard, 10)
    with pytest.raises(ConnectionFault) as fault:
        guard.idle_frame(0)
    assert fault.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_the_next_second_is_another(guard: Guard, clock: Clock) -> None:
    for _ in range(5):
        frames(guard, 10)
        clock.now += 1
    frames(guard, 11)
    clock.now += 0.9
    with pytest.raises(ConnectionFault):
        frames(guard, 11)


def test_calls_make_room_for_four_frames_each(guard: Guard) -> None:
    frames(guard, 10)
    frames(guard, 9, calls=2)  # the first finds the new calls
    with pytest.raises(ConnectionFault):
        guard.idle_frame(2)


def test_a_million_calls_do_not_make_room_for_four_million_frames_at_once(guard: Guard) -> None:
    frames(guard, 10)
    frames(guard, 11, calls=1_000_000)
    with pytest.raises(ConnectionFault):
        guard.idle_frame(1_000_000)


def test_what_costs_more_counts_more(guard: Guard) -> None:
    guard.idle_frame(0, weight=10)
    with pytest.raises(ConnectionFault):
        guard.idle_frame(0)


def test_so_many_resets_a_second_and_no_more(guard: Guard, clock: Clock) -> None:
    for _ in range(3):
        guard.reset()
    clock.now += 1
    for _ in range(4):
        guard.reset()
    with pytest.raises(ConnectionFault, match="cancelled"):
        guard.reset()
