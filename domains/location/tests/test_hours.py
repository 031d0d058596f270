"""Opening hours: three answers, past midnight, holidays; and the same answers from the database's numbers."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_location.hours import ALWAYS, DAY, Day, Interval, OpeningHours, day_of, open_numbers
from eco2_location.hours_text import HoursInvalid, from_json, interval_of, parse_hours, standard_hours, to_json
from eco2_location.moments import HOLIDAY, SEOUL, Moment, moment

MON, TUE, FRI, SAT, SUN = 0, 1, 4, 5, 6
many = examples(max_examples=400, derandomize=True, deadline=None)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    opens = draw(st.integers(0, DAY - 1))
    return Interval(opens, draw(st.integers(opens + 1, opens + DAY)))


@st.composite
def days(draw: st.DrawFn) -> Day:
    if draw(st.booleans()):
        return draw(st.none() | st.just(()))
    try:
        return day_of(draw(st.lists(intervals(), max_size=3)))
    except ValueError:
        return ()


HOURS = st.tuples(*[days()] * 8).map(OpeningHours)
MOMENTS = st.builds(Moment, st.integers(0, HOLIDAY), st.integers(0, HOLIDAY), st.integers(0, DAY - 1))


def is_known_to_be_open(hours: OpeningHours, at: Moment) -> bool:
    """By laying the two days out minute by minute."""
    minutes = set()
    for offset, day in ((-DAY, hours.days[at.yesterday]), (0, hours.days[at.today])):
        for interval in day or ():
            minutes |= set(range(interval.opens + offset, interval.closes + offset))
    return at.minute in minutes


@many
@given(HOURS, MOMENTS)
def test_open_is_what_the_two_days_say(hours: OpeningHours, at: Moment) -> None:
    found = hours.is_open(at)
    assert (found is True) is is_known_to_be_open(hours, at)
    if found is None:
        assert None in (hours.days[at.today], hours.days[at.yesterday])
    if hours.days[at.today] is None:
        assert found is not False


@many
@given(HOURS, MOMENTS)
def test_the_numbers_of_the_database_say_the_same(hours: OpeningHours, at: Moment) -> None:
    ranges = hours.open_minutes()
    assert ranges == sorted(ranges)
    assert all(high < low for (_, high), (low, _) in pairwise(ranges))
    is_in = any(low <= number < high for number in open_numbers(at) for low, high in ranges)
    assert is_in is (hours.is_open(at) is True)


@many
@given(HOURS)
def test_hours_are_kept_as_they_are(hours: OpeningHours) -> None:
    assert from_json(to_json(hours)) == hours


@many
@given(st.lists(intervals(), max_size=4))
def test_a_day_has_the_minutes_of_its_intervals(given_intervals: list[Interval]) -> None:
    try:
        day = day_of(given_intervals)
    except ValueError:
        return
    assert {m for i in day for m in range(i.opens, i.closes)} == {
        m for i in given_intervals for m in range(i.opens, i.closes)
    }
    assert all(one.closes < other.opens for one, other in pairwise(day))


@pytest.mark.parametrize(("opens", "closes"), [(-1, 5), (DAY, DAY + 5), (60, 60), (60, 59), (60, 61 + DAY)])
def test_no_interval(opens: int, closes: int) -> None:
    with pytest.raises(ValueError, match="begins on its day"):
        Interval(opens, closes)


BAR = parse_hours("Mo-Th 18:00-24:00; Fr,Sa 18:00-02:00")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (Moment(MON, SUN, 18 * 60), True),
        (Moment(MON, SUN, 18 * 60 - 1), False),
        (Moment(MON, SUN, DAY - 1), True),
        (Moment(TUE, MON, 0), False),  # Monday ends at midnight
        (Moment(SAT, FRI, 119), True),  # Friday goes on
        (Moment(SAT, FRI, 120), False),
        (Moment(SUN, SAT, 60), True),
        (Moment(SUN, SAT, 20 * 60), False),
        (Moment(HOLIDAY, FRI, 60), True),  # what began on Friday is known
        (Moment(HOLIDAY, FRI, 20 * 60), None),
        (Moment(MON, HOLIDAY, 60), None),  # the holiday may go on as Friday does
        (Moment(MON, HOLIDAY, 121), False),
        (Moment(MON, HOLIDAY, 18 * 60), True),
    ],
)
def test_a_place_that_closes_after_midnight(at: Moment, expected: bool | None) -> None:
    assert BAR.is_open(at) is expected


def test_always_is_always() -> None:
    assert all(ALWAYS.is_open(Moment(today, 0, minute)) for today in range(8) for minute in (0, 719, DAY - 1))


# Time


def at(text: str) -> Moment:
    return moment(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-10T09:30:00", Moment(TUE, MON, 570)),  # without an offset: Korea's
        ("2026-03-10T09:30:59+09:00", Moment(TUE, MON, 570)),
        ("2026-03-09T15:00:00Z", Moment(TUE, MON, 0)),
        ("2026-03-09T14:59:59Z", Moment(MON, SUN, DAY - 1)),
        ("2026-02-17T10:00:00", Moment(HOLIDAY, HOLIDAY, 600)),  # 설날, after the day before it
        ("2026-02-19T10:00:00", Moment(3, HOLIDAY, 600)),
        ("2026-03-02T10:00:00", Moment(HOLIDAY, HOLIDAY, 600)),  # the substitute for Sunday, 1 March
        ("1987-07-01T12:00:00Z", Moment(2, TUE, 22 * 60)),  # summer time was kept in Korea that year
    ],
)
def test_the_day_and_minute_in_korea(text: str, expected: Moment) -> None:
    assert at(text) == expected


@pytest.mark.parametrize(
    "extreme",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.min.replace(tzinfo=SEOUL),
        datetime.max,
        datetime.min,
    ],
    ids=["last UTC", "first +14", "first Seoul", "last", "first"],
)
def test_no_time_is_too_far_away(extreme: datetime) -> None:
    assert 0 <= moment(extreme).minute < DAY


@many
@given(st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))
def test_a_week_later_it_is_the_same_minute(time: datetime) -> None:
    one, other = moment(time), moment(time + timedelta(days=7))
    assert one.minute == other.minute
    assert HOLIDAY in (one.today, other.today) or one.today == other.today


# Text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Mo-Fr 09:00-18:00", "mo,tu,we,th,fr 9:00-18:00"),
        ("Mo-Su 09:00-18:00", "09:00-18:00"),
        ("Fr-Mo 10:00-12:00", "Fr,Sa,Su,Mo 10:00-12:00"),
        ("Mo-Fr 09:00-12:00,13:00-18:00; We off", "Mo-Tu,Th-Fr 09:00-12:00,13:00-18:00"),
        ("Mo 22:00-02:00", "Mo 22:00-26:00"),
        ("Mo 09:00-12:00,12:00-18:00", "Mo 09:00-18:00;"),
        ("24/7", "상시"),
        ("24/7", "연중무휴 24시간"),
        ("24/7", "Mo-Su,PH 00:00-24:00"),
    ],
)
def test_two_ways_to_say_the_same(text: str, same: str) -> None:
    assert parse_hours(text) == parse_hours(same)


def test_what_is_not_named_is_closed_and_holidays_are_unknown() -> None:
    hours = parse_hours("Sa 10:00-14:00")
    assert hours.days == ((), (), (), (), (), (Interval(600, 840),), (), None)
    assert parse_hours("Sa 10:00-14:00; PH off").days[HOLIDAY] == ()
    assert parse_hours("Mo-Fr,PH 10:00-14:00").days[HOLIDAY] == (Interval(600, 840),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "Mo",
        "Xx 09:00-18:00",
        "Mo-Xx 09:00-18:00",
        "Mo-PH 09:00-18:00",
        "Mo 09:00",
        "Mo 9-18",
        "Mo 09:60-18:00",
        "Mo 24:00-25:00",
        "Mo 09:00-49:00",
        "Mo 09:00-34:00",
        "Mo 00:00-24:00,20:00-26:00",
        "평일 09:00-18:00",
        "Mo-Fr 09:00-18:00 || Sa",
        "sunrise-sunset",
    ],
)
def test_what_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(HoursInvalid):
        parse_hours(text)


def test_the_three_times_of_koreas_standard_data() -> None:
    weekdays, saturday = (interval_of("09:00", "18:00"),), (interval_of("10:00", "24:00"),)
    hours = standard_hours(weekdays, saturday, ())
    assert hours is not None
    assert hours.days == (weekdays,) * 5 + (saturday, (), ())
    assert standard_hours(None, None, None) is None


def test_the_kept_form_is_what_clients_see() -> None:
    kept = to_json(parse_hours("Mo 22:00-02:00; Tu 00:00-24:00; We 10:00-34:00"))
    assert kept["mon"] == [{"opens": "22:00", "closes": "02:00"}]
    assert kept["tue"] == [{"opens": "00:00", "closes": "24:00"}]
    assert kept["wed"] == [{"opens": "10:00", "closes": "10:00"}]
    assert (kept["thu"], kept["holiday"]) == ([], None)
