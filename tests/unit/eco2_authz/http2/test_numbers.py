"""Which streams there have been."""

import pytest

from eco2_authz.http2.errors import ConnectionFault
from eco2_authz.http2.numbers import Numbers, Past


@pytest.fixture
def numbers() -> Numbers:
    it = Numbers()
    for number in (1, 3, 9):
        it.open(number)
    return it


def test_streams_that_were_there_are_closed(numbers: Numbers) -> None:
    assert [numbers.past(number) for number in (1, 3, 9)] == [Past.CLOSED] * 3
    assert numbers.last == 9


def test_streams_to_come_passed_over_or_not_of_a_client_are_idle(numbers: Numbers) -> None:
    assert [numbers.past(number) for number in (5, 7, 11, 2, 4, 10, 12)] == [Past.IDLE] * 7


def test_what_we_have_reset_is_remembered_for_a_while(numbers: Numbers) -> None:
    numbers.reset(3)
    assert numbers.past(3) is Past.RESET
    for number in range(11, 11 + 2 * 256, 2):
        numbers.open(number)
        numbers.reset(number)
    assert numbers.past(3) is Past.CLOSED
    assert numbers.past(11) is Past.RESET


def test_old_gaps_are_forgotten(numbers: Numbers) -> None:
    for number in range(13, 13 + 4 * 64, 4):
        numbers.open(number)
    assert numbers.past(5) is Past.CLOSED
    assert numbers.past(11) is Past.IDLE


def test_a_client_has_odd_numbers_alone(numbers: Numbers) -> None:
    numbers.check(11)
    with pytest.raises(ConnectionFault):
        numbers.check(12)
