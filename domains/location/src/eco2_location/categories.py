"""What kinds of places there are. Labels and words of data files are Korean."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """Whether something is left there, or bought and borrowed."""

    COLLECTION = "collection"
    SHOP = "shop"


class Category(StrEnum):
    """What a place takes or offers. A place that takes several things is there once for each."""

    CLOTHES = "clothes"
    BATTERY = "battery"
    LAMP = "lamp"
    MEDICINE = "medicine"
    SMALL_ELECTRONICS = "small_electronics"
    COOKING_OIL = "cooking_oil"
    PAPER_PACK = "paper_pack"
    ICE_PACK = "ice_pack"
    REVERSE_VENDING = "reverse_vending"
    RECYCLING_STATION = "recycling_station"
    ZERO_WASTE_SHOP = "zero_waste_shop"
    REFILL_STATION = "refill_station"
    REUSE_SHOP = "reuse_shop"

    @property
    def label(self) -> str:
        """Its name for users, in Korean."""
        return _ABOUT[self].label

    @property
    def kind(self) -> Kind:
        """Whether it collects or sells."""
        return _ABOUT[self].kind


class _About(NamedTuple):
    kind: Kind
    label: str
    words: tuple[str, ...]


_BOX, _SHOP = Kind.COLLECTION, Kind.SHOP
_ABOUT: Final = {
    Category.CLOTHES: _About(_BOX, "의류 수거함", ("의류", "헌옷", "폐의류", "의류함")),
    Category.BATTERY: _About(_BOX, "폐건전지 수거함", ("폐건전지", "건전지", "폐전지", "전지", "폐배터리")),
    Category.LAMP: _About(_BOX, "폐형광등 수거함", ("폐형광등", "형광등", "폐조명", "조명", "폐램프")),
    Category.MEDICINE: _About(_BOX, "폐의약품 수거함", ("폐의약품", "의약품", "폐약품", "폐약")),
    Category.SMALL_ELECTRONICS: _About(
        _BOX, "소형 폐가전 수거함", ("소형폐가전", "폐소형가전", "소형가전", "중소형폐가전", "폐가전", "폐휴대폰")
    ),
    Category.COOKING_OIL: _About(_BOX, "폐식용유 수거함", ("폐식용유", "식용유")),
    Category.PAPER_PACK: _About(_BOX, "종이팩 수거함", ("종이팩", "우유팩")),
    Category.ICE_PACK: _About(_BOX, "아이스팩 수거함", ("아이스팩",)),
    Category.REVERSE_VENDING: _About(
        _BOX, "캔·페트병 무인회수기", ("무인회수기", "재활용품무인회수기", "캔·페트병회수기", "투명페트병")
    ),
    Category.RECYCLING_STATION: _About(
        _BOX, "재활용 분리배출 장소", ("분리배출장소", "재활용정거장", "재활용동네마당", "재활용도움센터", "클린하우스")
    ),
    Category.ZERO_WASTE_SHOP: _About(_SHOP, "제로웨이스트 숍", ("제로웨이스트", "제로웨이스트샵", "제로웨이스트숍")),
    Category.REFILL_STATION: _About(_SHOP, "리필 스테이션", ("리필스테이션", "리필샵", "리필숍", "리필")),
    Category.REUSE_SHOP: _About(_SHOP, "재사용 나눔 가게", ("재사용나눔가게", "나눔가게", "재활용센터", "중고가게")),
}
_ENDINGS: Final = ("전용수거함", "분리수거함", "수거함", "회수함", "수거장소", "수거")
_SEPARATORS: Final = re.compile(r"[,;/+&|·]|\s및\s")
_IGNORED: Final = re.compile(r"[\s_()\-]+")


def _folded(text: str) -> str:
    return _IGNORED.sub("", unicodedata.normalize("NFC", text)).casefold()


_BY_WORD: Final = {
    _folded(word): category
    for category, about in _ABOUT.items()
    for word in (category.value, about.label, *about.words)
}


def categories_of(text: str) -> tuple[tuple[Category, ...], tuple[str, ...]]:
    """The categories that a cell of a data file names, in order and once each, and the parts that name none.

    Several are separated, as in ``폐건전지, 폐형광등``.
    """
    if whole := _category(_folded(text)):
        return (whole,), ()
    found: dict[Category, None] = {}
    unknown = []
    for part in filter(None, (part.strip() for part in _SEPARATORS.split(text))):
        category = _category(_folded(part))
        if category is None:
            unknown.append(part)
        else:
            found[category] = None
    return tuple(found), tuple(unknown)


def _category(word: str) -> Category | None:
    if category := _BY_WORD.get(word):
        return category
    stems = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
    return next((_BY_WORD[stem] for stem in stems if stem in _BY_WORD), None)
