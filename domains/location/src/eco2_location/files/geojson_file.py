"""Places from GeoJSON (RFC 7946): a FeatureCollection of Points, read feature by feature."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import ijson  # type: ignore[import-untyped]

from eco2_location.categories import Category
from eco2_location.files.columns import field_of
from eco2_location.files.faults import Fault, Refused
from eco2_location.files.rows import Row

_ADVICE: Final = "it has to be a FeatureCollection of Points (RFC 7946)"


class GeoJsonFile:
    """The features of a GeoJSON file, read once. Their properties are called as the columns of a CSV file.

    Args:
        category: of all features; None when a property says it.
    """

    def __init__(self, path: Path, category: Category | None) -> None:
        self._path, self._category = path, category
        self.ignored: set[str] = set()
        """Properties that are not used; known at the end of the reading."""

    def rows(self) -> Iterator[Row]:
        """Every feature, also those that cannot be a place: those have a fault. Raises Refused, OSError."""
        number = 0
        try:
            with self._path.open("rb") as file:
                kind = next(_read(file, "type"), None)
                if kind != "FeatureCollection":
                    raise Refused(Fault("the file is no FeatureCollection", _ADVICE))
                for number, feature in enumerate(_read(file, "features.item"), start=1):
                    yield self._row(number, feature)
        except ijson.JSONError as error:
            reason = " ".join(str(error).split())[:120]
            raise Refused(Fault(f"not JSON: {reason}", _ADVICE, row=number + 1 if number else None)) from None

    def _row(self, number: int, feature: Any) -> Row:
        faults: list[Fault] = []
        feature = feature if isinstance(feature, dict) else {}
        properties = feature.get("properties")
        cells, theirs = self._cells(number, properties if isinstance(properties, dict) else {}, faults)
        if "id" not in cells and isinstance(feature.get("id"), str | int | float):
            cells["id"] = str(feature["id"])
        lng, lat = _coordinates(number, feature.get("geometry"), faults)
        cells |= {"lat": lat, "lng": lng}
        return Row(number, cells, lambda field: theirs.get(field, field), self._category, faults)

    def _cells(
        self, number: int, properties: Mapping[str, Any], faults: list[Fault]
    ) -> tuple[dict[str, str], dict[str, str]]:
        cells: dict[str, str] = {}
        theirs: dict[str, str] = {}
        for name, value in properties.items():
            field = field_of(name)
            if field is None or field in ("lat", "lng"):
                self.ignored.add(name)
            elif isinstance(value, dict | list):
                faults.append(Fault("neither text nor number", "write one of them", row=number, column=name))
            elif field in theirs:
                problem = f"the property says the same as {theirs[field]!r}: {field}"
                faults.append(Fault(problem, "keep one of them", row=number, column=name))
            else:
                cells[field], theirs[field] = "" if value is None else str(value), name
        return cells, theirs


def _read(file: BinaryIO, path: str) -> Iterator[Any]:
    """What lies at a path, from the beginning of the file; a byte order mark is passed over."""
    file.seek(0)
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)
    found: Iterator[Any] = ijson.items(file, path, use_float=True)
    return found


def _coordinates(number: int, geometry: Any, faults: list[Fault]) -> tuple[str, str]:
    """Longitude and latitude, in this order (RFC 7946, section 3.1.1)."""
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        kind = geometry.get("type") if isinstance(geometry, dict) else geometry
        faults.append(Fault(f"{str(kind)[:40]!r} is no Point", _ADVICE, row=number, column="geometry"))
        return "", ""
    position = geometry.get("coordinates")
    if not isinstance(position, list) or len(position) < 2 or not all(type(x) in (int, float) for x in position):
        faults.append(Fault("the Point has no longitude and latitude", _ADVICE, row=number, column="geometry"))
        return "", ""
    lng, lat = (f"{degrees:.9f}" if isinstance(degrees, float) else str(degrees) for degrees in position[:2])
    return lng, lat
