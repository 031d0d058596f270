"""What the columns of data files are called: in English, and in Korea's open data (https://www.data.go.kr)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from eco2_location.files.faults import Fault

NAMES: Final = {
    "id": ("id", "external_id", "관리번호", "시설번호", "시설ID", "고유번호", "수거함번호"),
    "name": ("name", "시설명", "상호명", "상호", "업소명", "사업장명", "명칭", "장소명", "설치장소명", "재활용센터명"),
    "category": ("category", "구분", "분류", "종류", "수거함종류", "수거품목", "시설구분"),
    "lat": ("lat", "latitude", "위도"),
    "lng": ("lng", "lon", "long", "longitude", "경도"),
    "road_address": ("address", "road_address", "소재지도로명주소", "도로명주소", "소재지", "주소"),
    "lot_address": ("lot_address", "소재지지번주소", "지번주소"),
    "detail": ("detail", "상세위치", "설치위치", "세부위치", "상세주소"),
    "phone": ("phone", "전화번호", "연락처", "대표전화", "관리기관전화번호"),
    "hours": ("opening_hours", "hours"),
    "weekday_opens": ("평일운영시작시각", "평일운영시작시간"),
    "weekday_closes": ("평일운영종료시각", "평일운영종료시간"),
    "saturday_opens": ("토요일운영시작시각", "토요일운영시작시간"),
    "saturday_closes": ("토요일운영종료시각", "토요일운영종료시간"),
    "holiday_opens": ("공휴일운영시작시각", "공휴일운영시작시간"),
    "holiday_closes": ("공휴일운영종료시각", "공휴일운영종료시간"),
}
"""What a column is, by our name for it."""
_IGNORED: Final = re.compile(r"[\s_()\[\]\-]+")


def _folded(name: str) -> str:
    return _IGNORED.sub("", unicodedata.normalize("NFC", name)).casefold()


_BY_NAME: Final = {_folded(name): field for field, names in NAMES.items() for name in names}


def field_of(name: str) -> str | None:
    """Our name for a column; None for one that is not used. Case, blanks and brackets make no difference."""
    return _BY_NAME.get(_folded(name))


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file: ours to theirs, and those that are not used."""

    theirs: dict[str, str]
    ignored: tuple[str, ...]


def header_of(names: Iterable[str], *, has_category: bool, row: int) -> tuple[Header, list[Fault]]:
    """Read the names of a CSV file's columns.

    Args:
        has_category: one was given for all rows: no column needs to say it.
        row: the line they are on.
    """
    theirs: dict[str, str] = {}
    ignored, faults = [], []
    for name in names:
        field = field_of(name)
        if field is None:
            ignored.append(name)
        elif field in theirs:
            problem = f"the column says the same as {theirs[field]!r}: {field}"
            faults.append(Fault(problem, "keep one of them", row=row, column=name))
        else:
            theirs[field] = name
    needed = ["lat", "lng", "name"] if has_category else ["category", "lat", "lng", "name"]
    for field in needed:
        if field not in theirs:
            advice = f"name it one of: {', '.join(NAMES[field])}"
            advice += "; or say the category of all rows: --category" if field == "category" else ""
            faults.append(Fault("the column is missing", advice, row=row, column=field))
    return Header(theirs, tuple(ignored)), faults
