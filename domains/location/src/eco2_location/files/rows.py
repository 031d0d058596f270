"""One row of a data file, made places of: one for each category that it names."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from eco2_location.categories import Category, categories_of
from eco2_location.files.faults import Fault
from eco2_location.files.korea import what_is_wrong
from eco2_location.hours import Day, OpeningHours
from eco2_location.hours_text import HoursInvalid, interval_of, parse_hours, standard_hours
from eco2_location.models import NewPlace

LENGTHS: Final = {"id": 100, "name": 200, "road_address": 300, "lot_address": 300, "detail": 300, "phone": 50}
"""Characters a cell may have."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_END_OF_DAY: Final = frozenset({"23:59", "24:00", "00:00"})


class Row:
    """The cells of one row by our names of the columns; what is wrong with them is kept in `faults`.

    Args:
        row: its number, for faults.
        cells: texts; those that are not there are empty.
        column: how the file calls a column.
        category: of all rows of the file; None when each says its own.
        broken: why it cannot be read as a row at all: nothing more is found wrong with it.
    """

    def __init__(
        self,
        row: int,
        cells: Mapping[str, str],
        column: Callable[[str], str],
        category: Category | None,
        broken: Sequence[Fault] = (),
    ) -> None:
        self.number, self._column, self._category = row, column, category
        self.faults = [*broken]
        self._cells = {} if broken else {field: self._tidy(field, text) for field, text in cells.items()}
        self._is_broken = bool(broken)

    def places(self) -> list[NewPlace]:
        """The places; none when a cell is at fault."""
        if self._is_broken:
            return []
        name = self._get("name")
        if not name:
            self._fault("name", "the cell is empty", "fill it in")
        categories = self._categories()
        point = self._point()
        hours = self._hours()
        if self.faults or point is None:
            return []
        lat, lng = point
        address = self._get("road_address") or self._get("lot_address")
        detail, phone = self._get("detail"), self._get("phone")
        external_id = self._get("id") or _made_id(name, address, detail, lat, lng)
        return [
            NewPlace(external_id, category, name, address or None, detail or None, phone or None, lat, lng, hours)
            for category in categories
        ]

    def _get(self, field: str) -> str:
        return self._cells.get(field, "")

    def _tidy(self, field: str, text: str) -> str:
        """Composed Hangul, and one blank for white space of any kind and length."""
        tidy = " ".join(unicodedata.normalize("NFC", text).split())
        if _CONTROL.search(tidy):
            self._fault(field, "a control character", "take it out")
        if len(tidy) > LENGTHS.get(field, len(tidy)):
            self._fault(field, f"{len(tidy)} characters, more than {LENGTHS[field]}", "shorten it")
        return tidy

    def _categories(self) -> tuple[Category, ...]:
        text = self._get("category")
        if self._category is not None:
            return (self._category,)
        found, unknown = categories_of(text)
        advice = f"they are {', '.join(category.label for category in Category)}"
        for part in unknown:
            self._fault("category", f"{part[:80]!r} is no category", advice)
        if not found and not unknown:
            self._fault("category", "the cell is empty", advice)
        return found

    def _point(self) -> tuple[float, float] | None:
        lat, lng = self._degrees("lat"), self._degrees("lng")
        if lat is None or lng is None:
            return None
        if wrong := what_is_wrong(lat, lng):
            self._fault("lat", *wrong)
        return lat, lng

    def _degrees(self, field: str) -> float | None:
        text = self._get(field)
        if not text:
            self._fault(field, "the cell is empty", "look its coordinates up")
        elif not _NUMBER.fullmatch(text) or math.isinf(float(text)):
            self._fault(field, f"{text[:80]!r} is no number of degrees", "write it as 37.5665")
        else:
            return float(text)
        return None

    def _hours(self) -> OpeningHours | None:
        try:
            if text := self._get("hours"):
                return parse_hours(text)
        except HoursInvalid as invalid:
            self._fault("hours", str(invalid), "write them as Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off")
            return None
        weekdays, saturday, holidays = (self._day(name) for name in ("weekday", "saturday", "holiday"))
        return standard_hours(weekdays, saturday, holidays)

    def _day(self, name: str) -> Day:
        """From two cells. 00:00 to 00:00 is written for closed as well as for always: it is not known which."""
        opens, closes = self._get(f"{name}_opens"), self._get(f"{name}_closes")
        if (not opens and not closes) or (opens, closes) == ("00:00", "00:00"):
            return None
        try:
            return (interval_of(opens, "24:00" if closes in _END_OF_DAY else closes),)
        except HoursInvalid as invalid:
            self._fault(f"{name}_opens", str(invalid), "write both times as 09:00, or neither")
            return None

    def _fault(self, field: str, problem: str, advice: str) -> None:
        self.faults.append(Fault(problem, advice, row=self.number, column=self._column(field)))


def _made_id(name: str, address: str, detail: str, lat: float, lng: float) -> str:
    """For a file without ids: from what makes a place another one. About a metre is the same place."""
    key = "\x1f".join((name, address, detail, f"{lat:.5f}", f"{lng:.5f}"))
    return f"made-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
