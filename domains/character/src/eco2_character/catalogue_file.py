"""The catalogue as a CSV file: read whole, with every fault found and none passed on.

The first line names the columns, in any order. A blank match cell is always a mistake: a character that is earned by
any middle or minor category says so with `*`.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from eco2_character.matching import Labels, tidy

COLUMNS: Final = (
    "code",
    "name",
    "type",
    "dialog",
    "description",
    "match_major",
    "match_middle",
    "match_minor",
    "default",
)
ANY: Final = "*"
MAX_BYTES: Final = 5 * 1024 * 1024
MAX_ROWS: Final = 10_000
LENGTHS: Final = {
    "name": 60,
    "type": 60,
    "dialog": 500,
    "description": 2000,
    "match_major": 60,
    "match_middle": 60,
    "match_minor": 60,
}
"""Characters a cell may have."""
_OPTIONAL: Final = frozenset({"description", "default"})
_MAY_BE_ANY: Final = frozenset({"match_middle", "match_minor"})
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DEFAULT: Final = {"": False, "no": False, "yes": True}
_SAVE_AS: Final = "save it as 'CSV UTF-8 (comma delimited)'"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file is refused: where, what is wrong, and what to do. Line and column are None for the whole file."""

    problem: str
    advice: str
    line: int | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One character of the file, tidied."""

    code: str
    name: str
    type: str
    dialog: str
    description: str | None
    match: Labels
    is_default: bool


@dataclass(slots=True)
class CatalogueFile:
    """What a file says. With one fault or more nothing of it may be used."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Refused(Exception):
    """The reading cannot go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


def read_catalogue(data: bytes) -> CatalogueFile:
    """Read the bytes of a CSV file. Never raises for what they hold: every fault is in the result."""
    found = CatalogueFile()
    try:
        rows = _rows(_decode(data))
        columns = _header(rows, found.faults)
        if not found.faults:
            _entries(rows, columns, found)
    except _Refused as refused:
        found.faults.append(refused.fault)
    return found


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(Fault(f"the file has more than {MAX_BYTES} bytes", "is it the right file?"))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Refused(Fault("the file is UTF-16", _SAVE_AS))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Refused(_not_utf8(data, error)) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _Refused(Fault("the file has NUL bytes: it is not text", _SAVE_AS, line=line))
    return text


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Fault:
    line = data.count(b"\n", 0, error.start) + 1
    try:
        korean = any("가" <= character <= "힣" for character in data.decode("cp949"))
    except UnicodeDecodeError:
        korean = False
    if korean:
        return Fault(
            "the file is CP949 (EUC-KR), not UTF-8", f"Excel writes that as plain 'CSV': {_SAVE_AS}", line=line
        )
    return Fault(f"the file is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}", _SAVE_AS, line=line)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold something, each with the line it starts on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        advice = "put cells with quotes or line breaks in quotes, and double the quotes inside"
        raise _Refused(Fault(f"not CSV: {error}", advice, line=start)) from None


def _header(rows: Iterator[tuple[int, list[str]]], faults: list[Fault]) -> list[str]:
    line, cells = next(rows, (1, []))
    names = [tidy(cell) for cell in cells]
    if not names:
        raise _Refused(Fault("the file is empty", f"the first line names the columns: {','.join(COLUMNS)}"))
    if len(cells) == 1 and ({";", "\t"} & set(cells[0])):
        raise _Refused(Fault("the cells are not separated by commas", _SAVE_AS, line=line))
    faults += (
        Fault("the column is there twice", "keep one", line=line, column=name)
        for name in sorted({name for name in names if names.count(name) > 1})
    )
    faults += (
        Fault("unknown column", f"the columns are {', '.join(COLUMNS)}", line=line, column=name)
        for name in sorted(set(names) - set(COLUMNS))
    )
    faults += (
        Fault("the column is missing", "add it to the first line", line=line, column=name)
        for name in COLUMNS
        if name not in names
    )
    return names


def _entries(rows: Iterator[tuple[int, list[str]]], columns: list[str], found: CatalogueFile) -> None:
    uniques = (
        _Unique("code", lambda entry: entry.code, "give each character its own code"),
        _Unique("match_major", lambda entry: entry.match.key, "two characters cannot be earned by the same labels"),
        _Unique("default", lambda entry: "yes" if entry.is_default else None, "one character alone is the default"),
    )
    for count, (line, cells) in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise _Refused(Fault(f"more than {MAX_ROWS} rows", "is it the right file?", line=line))
        if len(cells) != len(columns):
            advice = "put cells with commas in quotes" if len(cells) > len(columns) else "an empty cell needs its comma"
            found.faults.append(Fault(f"{len(cells)} cells, the header has {len(columns)}", advice, line=line))
            continue
        row = _Row(line, dict(zip(columns, cells, strict=True)))
        entry = row.entry()
        found.faults += row.faults
        if entry is not None:
            found.entries.append(entry)
            found.faults += (fault for unique in uniques if (fault := unique.fault(entry, line)))
    if not found.faults:
        found.faults += _whole(found.entries)


def _whole(entries: list[Entry]) -> Iterator[Fault]:
    """What only the complete file shows."""
    if not entries:
        yield Fault("no characters", "an empty file would retire the whole catalogue: is it the right one?")
    elif not any(entry.is_default for entry in entries):
        yield Fault("no default character", "write yes for the one that everybody starts with", column="default")


class _Unique:
    """Sees that a value is there once."""

    def __init__(self, column: str, value: Callable[[Entry], str | None], advice: str) -> None:
        self._column, self._value, self._advice = column, value, advice
        self._seen: dict[str, int] = {}

    def fault(self, entry: Entry, line: int) -> Fault | None:
        value = self._value(entry)
        if value is None or (first := self._seen.setdefault(value, line)) == line:
            return None
        return Fault(f"the same as on line {first}", self._advice, line=line, column=self._column)


class _Row:
    """The cells of one row; what is wrong with them is kept in `faults`."""

    def __init__(self, line: int, cells: Mapping[str, str]) -> None:
        self._line = line
        self.faults: list[Fault] = []
        self._cells = {column: self._cell(column, raw) for column, raw in cells.items()}

    def entry(self) -> Entry | None:
        """The character, or None when a cell is at fault."""
        cells = self._cells
        if cells["code"] and not _CODE.fullmatch(cells["code"]):
            self._fault("code", f"{cells['code'][:80]!r} is not a code", "1 to 63 of a-z, 0-9 and -, not - first")
        if cells["default"].lower() not in _DEFAULT:
            self._fault("default", f"{cells['default'][:80]!r} is neither yes nor no", "write yes, no or nothing")
        self._labels_are_a_path()
        if self.faults:
            return None
        middle, minor = (None if cells[name] == ANY else cells[name] for name in ("match_middle", "match_minor"))
        return Entry(
            code=cells["code"],
            name=cells["name"],
            type=cells["type"],
            dialog=cells["dialog"],
            description=cells["description"] or None,
            match=Labels(cells["match_major"], middle, minor),
            is_default=_DEFAULT[cells["default"].lower()],
        )

    def _labels_are_a_path(self) -> None:
        if self._cells["match_major"] == ANY:
            self._fault("match_major", "a character cannot be earned by everything", "name a major category")
        if self._cells["match_middle"] == ANY and self._cells["match_minor"] not in ("", ANY):
            self._fault("match_middle", "a minor category without its middle one", "name the middle category")

    def _cell(self, column: str, raw: str) -> str:
        value = tidy(raw)
        if any(unicodedata.category(character) == "Cc" for character in value):
            self._fault(column, "a control character", "take it out")
        if not value and column not in _OPTIONAL:
            advice = f"name the category, or write {ANY} for any" if column in _MAY_BE_ANY else "fill it in"
            self._fault(column, "the cell is empty", advice)
        if len(value) > LENGTHS.get(column, len(value)):
            self._fault(column, f"{len(value)} characters, more than {LENGTHS[column]}", "shorten it")
        return value

    def _fault(self, column: str, problem: str, advice: str) -> None:
        self.faults.append(Fault(problem, advice, line=self._line, column=column))
