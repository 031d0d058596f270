"""Opening hours as text: the common part of OpenStreetMap's `opening_hours`, and what is kept in the database.

https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification. ``Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off``.
Days that no rule names are closed, public holidays (PH) that none names are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from eco2_location.hours import ALWAYS, DAY, DAYS, Day, Interval, OpeningHours, day_of
from eco2_location.moments import HOLIDAY

_NAMES: Final = {name: number for number, name in enumerate(("mo", "tu", "we", "th", "fr", "sa", "su", "ph"))}
_ALWAYS: Final = frozenset({"24/7", "24시간", "상시", "연중무휴24시간", "24시간연중무휴"})
_RULE: Final = re.compile(r"(?:(?P<days>[a-z]{2}(?:\s*[-,]\s*[a-z]{2})*)\s+)?(?P<times>\S.*)")
_TIME: Final = re.compile(r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})")


class HoursInvalid(ValueError):
    """A text that says no opening hours, or in words that are not understood here."""


def parse_hours(text: str) -> OpeningHours:
    """Read the text of a data file. A later rule replaces an earlier one for the days it names.

    Raises:
        HoursInvalid
    """
    folded = text.strip().casefold()
    if "".join(folded.split()) in _ALWAYS:
        return ALWAYS
    days: list[Day] = [()] * HOLIDAY + [None]
    for rule in folded.strip(";").split(";"):
        matched = _RULE.fullmatch(rule.strip())
        if matched is None:
            raise HoursInvalid(f"{rule.strip()[:80]!r} is no rule")
        times = _times(matched["times"])
        for day in _days(matched["days"]):
            days[day] = times
    return _hours(days)


def _hours(days: Sequence[Day]) -> OpeningHours:
    return OpeningHours(tuple(days))  # type: ignore[arg-type]


def _days(text: str | None) -> Iterator[int]:
    if text is None:
        yield from range(HOLIDAY)
        return
    for part in text.split(","):
        first, _, last = (name.strip() for name in part.partition("-"))
        if first not in _NAMES or (last and last not in _NAMES) or (last and "ph" in (first, last)):
            raise HoursInvalid(f"{part.strip()[:80]!r} is no day: they are Mo Tu We Th Fr Sa Su PH")
        begin, end = _NAMES[first], _NAMES[last or first]
        if begin == HOLIDAY:
            yield begin
            continue
        yield from (day % HOLIDAY for day in range(begin, end + 1 + (HOLIDAY if end < begin else 0)))


def _times(text: str) -> tuple[Interval, ...]:
    if text in ("off", "closed"):
        return ()
    intervals = []
    for part in text.split(","):
        opens, _, closes = part.partition("-")
        intervals.append(interval_of(opens, closes))
    try:
        return day_of(intervals)
    except ValueError:
        raise HoursInvalid(f"{text[:80]!r} is more than a day") from None


def interval_of(opens: str, closes: str) -> Interval:
    """From two times of day. One that closes at the time it opens, or before, does so on the next day.

    Raises:
        HoursInvalid
    """
    begin, end = _minutes(opens, DAY - 1), _minutes(closes, 2 * DAY)
    if end <= begin:
        end += DAY
    try:
        return Interval(begin, end)
    except ValueError:
        raise HoursInvalid(f"{opens.strip()[:20]}-{closes.strip()[:20]} is more than a day") from None


def _minutes(text: str, last: int) -> int:
    matched = _TIME.fullmatch(text.strip())
    minutes = int(matched["hour"]) * 60 + int(matched["minute"]) if matched else last + 1
    if matched is None or minutes > last or int(matched["minute"]) > 59:
        raise HoursInvalid(f"{text.strip()[:20]!r} is no time of day: write it as 09:00")
    return minutes


def standard_hours(weekdays: Day, saturday: Day, holidays: Day) -> OpeningHours | None:
    """From the three times of Korea's standard data sets (평일, 토요일, 공휴일). None when none is known.

    Sundays are public holidays there, as in the law: 관공서의 공휴일에 관한 규정, article 2.
    """
    if weekdays is None and saturday is None and holidays is None:
        return None
    return _hours([weekdays] * 5 + [saturday, holidays, holidays])


def to_json(hours: OpeningHours) -> dict[str, list[dict[str, str]] | None]:
    """As it is kept and answered: for each day its intervals, ``{"opens": "22:00", "closes": "02:00"}``."""
    return {
        name: None if day is None else [{"opens": _clock(i.opens), "closes": _clock(i.closes)} for i in day]
        for name, day in zip(DAYS, hours.days, strict=True)
    }


def _clock(minutes: int) -> str:
    """24:00 is the end of a day; what is later is the next day's."""
    shown = minutes if minutes <= DAY else minutes - DAY
    return f"{shown // 60:02}:{shown % 60:02}"


@lru_cache(4096)
def kept_text(hours: OpeningHours) -> str:
    """What `to_json` makes, as text. Most places have the hours of many others."""
    return orjson.dumps(to_json(hours)).decode()


@lru_cache(4096)
def kept_hours(text: str) -> OpeningHours:
    """From the text of what `to_json` made."""
    return from_json(orjson.loads(text))


def from_json(kept: Mapping[str, Any]) -> OpeningHours:
    """What `to_json` made."""
    return _hours(
        [
            None if kept[name] is None else tuple(interval_of(i["opens"], i["closes"]) for i in kept[name])
            for name in DAYS
        ]
    )
