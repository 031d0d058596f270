"""Places from a CSV file: UTF-8, or CP949 as Korea's open data and Excel write it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eco2_location.categories import Category
from eco2_location.files.columns import Header, header_of
from eco2_location.files.faults import Fault, Refused
from eco2_location.files.rows import Row

_CHUNK: Final = 1024 * 1024
_ENCODINGS: Final = ("utf-8-sig", "cp949")
_SAVE_AS: Final = "save it as 'CSV UTF-8 (comma delimited)'"


class CsvFile:
    """The rows of a CSV file, read once.

    Args:
        category: of all rows; None when a column says it.
    """

    def __init__(self, path: Path, category: Category | None) -> None:
        self._path, self._category = path, category
        self.ignored: set[str] = set()
        """Columns that are not used; known at the end of the reading."""

    def rows(self) -> Iterator[Row]:
        """Every row, also those that cannot be one: those have a fault. Raises Refused, OSError."""
        with self._path.open(encoding=_encoding(self._path), newline="") as file:
            lines = _lines(csv.reader(file, strict=True))
            header, names = self._header(lines)
            for line, cells in lines:
                yield self._row(line, cells, header, names)

    def _header(self, lines: Iterator[tuple[int, list[str]]]) -> tuple[Header, list[str]]:
        line, names = next(lines, (1, []))
        if not names:
            raise Refused(Fault("the file is empty", "the first line names the columns"))
        if len(names) == 1 and ({";", "\t"} & set(names[0])):
            raise Refused(Fault("the cells are not separated by commas", _SAVE_AS, row=line))
        header, faults = header_of(names, has_category=self._category is not None, row=line)
        if faults:
            raise RefusedHeader(faults)
        self.ignored = set(header.ignored)
        return header, names

    def _row(self, line: int, cells: list[str], header: Header, names: list[str]) -> Row:
        by_name = dict(zip(names, cells, strict=False))
        by_field = {field: by_name.get(name, "") for field, name in header.theirs.items()}
        broken = []
        if len(cells) != len(names):
            advice = "put cells with commas in quotes" if len(cells) > len(names) else "an empty cell needs its comma"
            broken = [Fault(f"{len(cells)} cells, the header has {len(names)}", advice, row=line)]
        return Row(line, by_field, lambda field: header.theirs.get(field, field), self._category, broken)


class RefusedHeader(Refused):
    """The columns are not those that are needed."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0])
        self.faults = faults


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, each with the line it starts on."""
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as error:
        advice = "put cells with quotes or line breaks in quotes, and double the quotes inside"
        raise Refused(Fault(f"not CSV: {error}", advice, row=start)) from None


def _encoding(path: Path) -> str:
    """The first of the encodings that all of the file is in."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise Refused(Fault("the file is UTF-16", _SAVE_AS))
    for encoding in _ENCODINGS:
        if _is_in(path, encoding):
            return encoding
    raise Refused(Fault("the file is neither UTF-8 nor CP949", _SAVE_AS))


def _is_in(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                if b"\0" in chunk:
                    line += chunk.count(b"\n", 0, chunk.index(b"\0"))
                    raise Refused(Fault("the file has NUL bytes: it is not text", _SAVE_AS, row=line))
                line += chunk.count(b"\n")
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
