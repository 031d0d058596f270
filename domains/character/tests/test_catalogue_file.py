"""Reading a catalogue file: every fault is found, and says where and what to do."""

import unicodedata
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eco2_character import catalogue_file
from eco2_character.catalogue_file import COLUMNS, MAX_BYTES, Fault, read_catalogue
from eco2_character.matching import Labels

HEADER = ",".join(COLUMNS)
DEFAULT = "eco,이코,기본,안녕!,,재활용폐기물,*,*,yes"
PAPER = "paper,페이피,종이,차곡차곡!,책의 친구,재활용폐기물,종이류,*,"


def text(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


def faults(*lines: str) -> list[Fault]:
    return read_catalogue(text(*lines)).faults


def changed(**cells: str) -> str:
    """The row of paper with other cells, as they stand in the file."""
    values = dict(zip(COLUMNS, PAPER.split(","), strict=True)) | cells
    return ",".join(values.values())


def only_fault(row: str) -> Fault:
    (fault,) = faults(HEADER, DEFAULT, row)
    return fault


def test_the_first_catalogue_has_no_fault() -> None:
    found = read_catalogue(files("eco2_character").joinpath("data/catalogue.csv").read_bytes())
    assert found.faults == []
    assert len(found.entries) == 15
    assert [entry.code for entry in found.entries if entry.is_default] == ["eco"]


def test_cells_are_read_by_the_name_of_their_column() -> None:
    columns = list(reversed(COLUMNS))
    row = ",".join(reversed(PAPER.split(",")))
    found = read_catalogue(text(",".join(columns), ",".join(reversed(DEFAULT.split(","))), row))
    assert found.faults == []
    paper = found.entries[1]
    assert (paper.code, paper.name, paper.type, paper.dialog) == ("paper", "페이피", "종이", "차곡차곡!")
    assert (paper.description, paper.match, paper.is_default) == ("책의 친구", Labels("재활용폐기물", "종이류"), False)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_byte_order_mark_blank_lines_quotes_and_a_last_line_without_end_are_fine(line_end: str) -> None:
    row = changed(dialog='"안에는 ""따옴표"",\n그리고 쉼표"')
    content = line_end.join([HEADER, "", DEFAULT, ",,,,,,,,", "   ", row])
    found = read_catalogue(content.encode("utf-8-sig"))
    assert found.faults == []
    assert found.entries[1].dialog == '안에는 "따옴표", 그리고 쉼표'


def test_text_is_composed_and_trimmed() -> None:
    found = read_catalogue(text(HEADER, DEFAULT, unicodedata.normalize("NFD", changed(name="  페이피   씨 "))))
    assert found.entries[1].name == "페이피 씨"


@pytest.mark.parametrize("column", ["match_major", "match_middle", "match_minor", "code", "name", "type", "dialog"])
@pytest.mark.parametrize("blank", ["", "   ", "\u3000"])
def test_a_cell_that_must_be_there_is_refused_when_blank(column: str, blank: str) -> None:
    fault = only_fault(changed(**{column: blank}))
    assert (fault.line, fault.column, fault.problem) == (3, column, "the cell is empty")
    assert ("*" in fault.advice) is (column in ("match_middle", "match_minor"))


@pytest.mark.parametrize("column", ["match_major", "match_middle", "match_minor"])
def test_also_the_default_character_needs_its_match_values(column: str) -> None:
    cells = dict(zip(COLUMNS, DEFAULT.split(","), strict=True)) | {column: ""}
    (fault,) = faults(HEADER, ",".join(cells.values()), PAPER)
    assert (fault.line, fault.column) == (2, column)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("code", "default")])
def test_a_cell_that_is_too_long_is_refused_and_the_longest_is_not(column: str) -> None:
    longest = catalogue_file.LENGTHS[column]
    fault = only_fault(changed(**{column: "가" * (longest + 1)}))
    assert (fault.line, fault.column) == (3, column)
    assert str(longest) in fault.problem
    assert faults(HEADER, DEFAULT, changed(**{column: "가" * longest})) == []


@pytest.mark.parametrize("code", ["Paper", "-paper", "종이", "a b", "a" * 64, "a_b"])
def test_a_code_has_its_form(code: str) -> None:
    fault = only_fault(changed(code=code))
    assert (fault.line, fault.column) == (3, "code")


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"match_major": "*"}, "match_major"),
        ({"match_middle": "*", "match_minor": "우유팩"}, "match_middle"),
        ({"default": "maybe"}, "default"),
        ({"default": "YES"}, "default"),  # the second one
        ({"name": "페\x07이피"}, "name"),
        ({"match_middle": '"*"'}, "match_major"),  # the same labels as the default's
        ({"code": "eco"}, "code"),
    ],
)
def test_what_makes_no_sense_is_refused(cells: dict[str, str], column: str) -> None:
    fault = only_fault(changed(**cells))
    assert (fault.line, fault.column) == (3, column)
    assert fault.problem
    assert fault.advice


def test_labels_that_only_look_different_are_the_same() -> None:
    (fault,) = faults(HEADER, DEFAULT, PAPER, changed(code="other", match_middle="종이  류"))
    assert (fault.line, fault.column, fault.problem) == (4, "match_major", "the same as on line 3")


def test_every_fault_of_every_row_is_reported_at_the_line_it_starts_on() -> None:
    several = changed(name="", match_middle="", dialog='"두\n줄"')
    found = faults(HEADER, DEFAULT, several, changed(code="B"), "a,b")
    assert [(fault.line, fault.column) for fault in found] == [
        (3, "name"),
        (3, "match_middle"),
        (5, "code"),
        (6, None),
    ]


@pytest.mark.parametrize(("row", "cells"), [(PAPER + ",more", 10), ("paper,페이피", 2)])
def test_a_row_has_as_many_cells_as_the_header(row: str, cells: int) -> None:
    fault = only_fault(row)
    assert fault.problem == f"{cells} cells, the header has 9"


def test_unknown_missing_and_repeated_columns_are_refused() -> None:
    header = HEADER.replace("dialog", "speech").replace("match_minor", "match_middle")
    assert [(fault.column, fault.problem) for fault in faults(header, DEFAULT)] == [
        ("match_middle", "the column is there twice"),
        ("speech", "unknown column"),
        ("dialog", "the column is missing"),
        ("match_minor", "the column is missing"),
    ]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_recognised(separator: str) -> None:
    (fault,) = faults(HEADER.replace(",", separator))
    assert fault.problem == "the cells are not separated by commas"


def test_cp949_is_recognised() -> None:
    (fault,) = read_catalogue("\n".join([HEADER, DEFAULT]).encode("cp949")).faults
    assert fault.line == 2
    assert "CP949" in fault.problem
    assert "CSV UTF-8" in fault.advice


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    [
        (HEADER.encode() + b"\n\xff\xfe\xfa", 2, "not UTF-8"),
        (HEADER.encode() + b"\nna\xefve", 2, "not UTF-8"),
        (HEADER.encode("utf-16"), None, "UTF-16"),
        (HEADER.encode() + b"\na\0b", 2, "NUL"),
        (HEADER.encode() + b'\n"open', 2, "not CSV"),
        (b"", None, "empty"),
        (b"\n\n", None, "empty"),
        (HEADER.encode(), None, "no characters"),
        (b"x" * (MAX_BYTES + 1), None, "bytes"),
    ],
)
def test_what_is_no_catalogue_is_refused(data: bytes, line: int | None, problem: str) -> None:
    (fault,) = read_catalogue(data).faults
    assert fault.line == line
    assert problem in fault.problem


def test_a_file_without_a_default_character_is_refused() -> None:
    (fault,) = faults(HEADER, PAPER)
    assert (fault.line, fault.column, fault.problem) == (None, "default", "no default character")


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_file, "MAX_ROWS", 1)
    (fault,) = faults(HEADER, DEFAULT, PAPER)
    assert (fault.line, fault.problem) == (3, "more than 1 rows")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda rows: f"{HEADER}\n{rows}".encode("utf-8", "replace")))
def test_whatever_the_bytes_are_there_is_an_answer(data: bytes) -> None:
    found = read_catalogue(data)
    assert found.faults or any(entry.is_default for entry in found.entries)
