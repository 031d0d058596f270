"""A data file, checked whole: its places are kept aside, on disk, until it is known that nothing is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import IO, Final

import orjson

from eco2_location.categories import Category
from eco2_location.files.csv_file import CsvFile, RefusedHeader
from eco2_location.files.faults import Fault, Refused
from eco2_location.files.geojson_file import GeoJsonFile
from eco2_location.files.rows import Row
from eco2_location.hours_text import kept_hours, kept_text
from eco2_location.models import NewPlace

MAX_BYTES: Final = 512 * 1024 * 1024
MAX_ROWS: Final = 1_000_000
MAX_FAULTS: Final = 10_000
"""All faults are wanted at once; a file of the wrong kind has them everywhere."""
ENDINGS: Final[dict[str, type[CsvFile] | type[GeoJsonFile]]] = {
    ".csv": CsvFile,
    ".geojson": GeoJsonFile,
    ".json": GeoJsonFile,
}
_TOO_LONG: Final = "is it the right file?"
_FIELDS: Final = tuple(field.name for field in fields(NewPlace))


@dataclass(slots=True)
class PlaceFile:
    """What a file holds. With one fault or more nothing of it may be used."""

    count: int = 0
    faults: list[Fault] = field(default_factory=list)
    ignored: tuple[str, ...] = ()
    """Columns that are not used."""
    kept: IO[bytes] | None = None

    def places(self) -> Iterator[NewPlace]:
        """All places, in order, each from the start."""
        assert self.kept is not None  # noqa: S101 - as long as `open_places` is in its block
        self.kept.seek(0)
        for line in self.kept:
            values = orjson.loads(line)
            hours = values.pop("hours")
            values["category"] = Category(values["category"])
            yield NewPlace(**values, hours=None if hours is None else kept_hours(hours))


@contextmanager
def open_places(
    path: Path, category: Category | None = None, *, advance: Callable[[], object] = lambda: None
) -> Iterator[PlaceFile]:
    """Read a file whole. Never raises for what it holds: every fault is in the result.

    Args:
        category: of all rows; None when the file says it.
        advance: called after each row.

    Raises:
        OSError
    """
    with tempfile.TemporaryFile() as kept:
        found = PlaceFile(kept=kept)
        try:
            _read(path, category, found, kept, advance)
        except RefusedHeader as refused:
            found.faults += refused.faults
        except Refused as refused:
            found.faults.append(refused.fault)
        yield found


def _read(
    path: Path, category: Category | None, found: PlaceFile, kept: IO[bytes], advance: Callable[[], object]
) -> None:
    reads = ENDINGS.get(path.suffix.casefold())
    if reads is None:
        raise Refused(Fault(f"{path.suffix or 'no ending'}: what kind of file is it?", "name it .csv or .geojson"))
    if not path.is_file():
        raise Refused(Fault("it is no file that can be read twice", "write it to a file first"))
    if path.stat().st_size > MAX_BYTES:
        raise Refused(Fault(f"the file has more than {MAX_BYTES} bytes", _TOO_LONG))
    file = reads(path, category)
    seen: dict[bytes, int] = {}
    for number, row in enumerate(file.rows(), start=1):
        if number > MAX_ROWS:
            raise Refused(Fault(f"more than {MAX_ROWS} rows", _TOO_LONG))
        _take(row, found, kept, seen)
        if len(found.faults) >= MAX_FAULTS:
            raise Refused(Fault(f"{MAX_FAULTS} faults or more: the rest was not read", _TOO_LONG))
        advance()
    found.ignored = tuple(sorted(file.ignored))
    if not found.count and not found.faults:
        raise Refused(Fault("no places", "an empty file would delete the whole source: is it the right one?"))


def _take(row: Row, found: PlaceFile, kept: IO[bytes], seen: dict[bytes, int]) -> None:
    for place in row.places():
        key = blake2b(f"{place.external_id}\x1f{place.category}".encode(), digest_size=16).digest()
        first = seen.setdefault(key, row.number)
        if first != row.number:
            row.faults.append(
                Fault(f"the same place as in row {first}", "keep one, or give them ids of their own", row=row.number)
            )
        found.count += 1
        kept.write(orjson.dumps(_json(place)) + b"\n")
    found.faults += row.faults


def _json(place: NewPlace) -> dict[str, object]:
    values = {name: getattr(place, name) for name in _FIELDS}
    return values | {"hours": None if place.hours is None else kept_text(place.hours)}
