"""How much time is left."""

import pytest

from eco2_waste_pipeline.deadline import Deadline, held_deadline
from eco2_waste_pipeline.errors import TimedOut


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_passes() -> None:
    clock = Clock()
    deadline = Deadline(10, clock=clock)
    assert deadline.remaining() == 10
    deadline.check()
    clock.now += 10
    assert deadline.is_over
    assert deadline.remaining() == 0
    with pytest.raises(TimedOut) as raised:
        deadline.check()
    assert raised.value.retryable


def test_a_part_ends_with_the_whole() -> None:
    clock = Clock()
    whole = Deadline(10, clock=clock)
    assert whole.within(3).remaining() == 3
    assert whole.within(30).remaining() == 10
    clock.now += 11
    assert whole.within(3).is_over


def test_the_inner_block_counts() -> None:
    outer, inner = Deadline(10), Deadline(5)
    assert held_deadline() is None
    with outer.held():
        with inner.held():
            assert held_deadline() is inner
        assert held_deadline() is outer
    assert held_deadline() is None
