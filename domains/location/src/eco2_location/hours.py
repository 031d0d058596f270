"""Opening hours: intervals for each day of the week and for public holidays, which may be unknown.

Three answers: open, closed, and None for "nobody knows". An interval belongs to the day it begins on and may go on
past midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eco2_location.moments import HOLIDAY, Moment

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
DAY: Final = 24 * 60
"""Minutes."""
_SLOT: Final = 2 * DAY
"""Minutes that a day has in `open_minutes`: its own, and those of the day after that its intervals may reach."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Minutes after midnight of the day it begins on: `opens` is open, `closes` is not any more.

    Raises ValueError unless it begins on its day and lasts up to 24 hours.
    """

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < DAY or not self.opens < self.closes <= self.opens + DAY:
            raise ValueError("an interval begins on its day and lasts up to 24 hours")

    def has(self, minute: int) -> bool:
        """Whether it is open then."""
        return self.opens <= minute < self.closes


ALL_DAY: Final = Interval(0, DAY)
Day = tuple[Interval, ...] | None
"""Intervals in order, none touching the next: none for a day when it is closed. None: not known."""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Eight days: Monday to Sunday, and public holidays, on which the day of the week does not count."""

    days: tuple[Day, Day, Day, Day, Day, Day, Day, Day]

    def is_open(self, at: Moment) -> bool | None:
        """Whether it is open; None when that is not known."""
        today, yesterday = self.days[at.today], self.days[at.yesterday]
        if _has(yesterday, at.minute + DAY) or _has(today, at.minute):
            return True
        if today is None:
            return None
        # A day that is not known may go on past midnight as far as the others do.
        may_go_on = yesterday is None and any(_has(day, at.minute + DAY) for day in self.days)
        return None if may_go_on else False

    def open_minutes(self) -> list[tuple[int, int]]:
        """All that is known to be open, as ranges of numbers: see `open_numbers`."""
        return [
            (slot * _SLOT + interval.opens, slot * _SLOT + interval.closes)
            for slot, day in enumerate(self.days)
            for interval in day or ()
        ]


def open_numbers(at: Moment) -> tuple[int, int]:
    """Two numbers: a place is known to be open exactly when one is in its `open_minutes`."""
    return at.today * _SLOT + at.minute, at.yesterday * _SLOT + DAY + at.minute


def day_of(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Intervals as a day has them: in order, those that touch made one. Raises ValueError for more than 24 hours."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.opens <= merged[-1].closes:
            merged[-1] = Interval(merged[-1].opens, max(interval.closes, merged[-1].closes))
        else:
            merged.append(interval)
    return tuple(merged)


def _has(day: Day, minute: int) -> bool:
    return day is not None and any(interval.has(minute) for interval in day)


ALWAYS: Final = OpeningHours(((ALL_DAY,),) * (HOLIDAY + 1))  # type: ignore[arg-type]
