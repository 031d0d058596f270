"""Points in time as opening hours see them: which day it is in Korea, holidays being days of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import holidays

SEOUL: Final = ZoneInfo("Asia/Seoul")
HOLIDAY: Final = 7
"""Comes after Sunday, which is 6."""
_HOLIDAYS: Final = holidays.country_holidays("KR")
"""Public holidays with their substitutes, by https://pypi.org/project/holidays; those that the government declares at
short notice are in its next release."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A minute of a day in Korea.

    Args:
        today, yesterday: 0 is Monday; `HOLIDAY` for public holidays.
        minute: after midnight.
    """

    today: int
    yesterday: int
    minute: int


def moment(at: datetime) -> Moment:
    """A point in time as Korea sees it. One without an offset is Korea's own time."""
    if at.tzinfo is not None:
        try:
            at = at.astimezone(SEOUL)
        except OverflowError:  # the first or last hours there are: the clock is all that is left of them
            at = at.replace(tzinfo=None)
    today = at.date()
    yesterday = today - timedelta(days=1) if today > date.min else today
    return Moment(_kind(today), _kind(yesterday), at.hour * 60 + at.minute)


def _kind(day: date) -> int:
    return HOLIDAY if day in _HOLIDAYS else day.weekday()
