"""CSV files as they are: UTF-8 and CP949, English and Korean columns; and all that is wrong with one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_location.categories import Category
from eco2_location.files import place_file
from eco2_location.files.faults import Fault
from eco2_location.files.place_file import PlaceFile, open_places
from eco2_location.hours import ALWAYS, Interval
from eco2_location.hours_text import parse_hours
from eco2_location.models import NewPlace

HEADER = "id,name,category,lat,lng"
ROW = "a1,상자,battery,37.5665,126.978"


def read(path: Path, content: str | bytes, category: Category | None = None) -> tuple[list[NewPlace], PlaceFile]:
    """The places and the file, which is closed."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_places(path, category) as found:
        return ([] if found.faults else list(found.places())), found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "places.csv"


def test_a_file_with_english_columns(path: Path) -> None:
    content = (
        "id,name,category,latitude,longitude,address,detail,phone,opening_hours,colour\n"
        'a1,"상자, 큰",battery,37.5665,126.978,세종대로 110,1층,02-120,Mo-Fr 09:00-18:00,green\n'
    )
    places, found = read(path, content)
    assert places == [
        NewPlace(
            "a1",
            Category.BATTERY,
            "상자, 큰",
            "세종대로 110",
            "1층",
            "02-120",
            37.5665,
            126.978,
            parse_hours("Mo-Fr 09:00-18:00"),
        )
    ]
    assert (found.count, found.ignored) == (1, ("colour",))


KOREAN = (
    "관리번호,시설명,구분,위도,경도,소재지도로명주소,소재지지번주소,평일운영시작시각,평일운영종료시각,"
    "토요일운영시작시각,토요일운영종료시각,공휴일운영시작시각,공휴일운영종료시각,전화번호,데이터기준일자\n"
    "11-1,중구청,폐건전지·폐형광등 수거함,37.5636,126.9975,서울특별시 중구 창경궁로 17,,09:00,18:00,,,00:00,00:00,"
    "02-3396-4114,2025-06-30\n"
    "11-2,시청,폐의약품,37.5665,126.978,,서울특별시 중구 태평로1가 31,00:00,23:59,00:00,23:59,00:00,24:00,,2025-06-30\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_file_of_koreas_open_data(path: Path, encoding: str, line_break: str) -> None:
    places, found = read(path, KOREAN.replace("\n", line_break).encode(encoding))
    assert not found.faults
    assert [(one.external_id, one.category, one.name) for one in places] == [
        ("11-1", Category.BATTERY, "중구청"),
        ("11-1", Category.LAMP, "중구청"),
        ("11-2", Category.MEDICINE, "시청"),
    ]
    assert [one.address for one in places[1:]] == ["서울특별시 중구 창경궁로 17", "서울특별시 중구 태평로1가 31"]
    assert found.ignored == ("데이터기준일자",)
    assert places[0].hours is not None
    weekdays = (Interval(540, 1080),)
    assert places[0].hours.days == (weekdays,) * 5 + (None, None, None)  # 00:00 to 00:00 says nothing
    assert places[2].hours == ALWAYS
    assert places[2].phone is None


def test_one_category_for_all(path: Path) -> None:
    places, _ = read(path, "시설명,위도,경도\n헌옷함,37.5,127.0\n", Category.CLOTHES)
    assert [one.category for one in places] == [Category.CLOTHES]
    given_places, _ = read(path, f"{HEADER}\n{ROW}\n", Category.LAMP)  # more is said than the column says
    assert [one.category for one in given_places] == [Category.LAMP]


def test_without_ids_a_place_is_what_it_says(path: Path) -> None:
    header, row = "name,category,lat,lng,address", "상자,battery,37.5665,126.978,세종대로 110"
    (one,), _ = read(path, f"{header}\n{row}\n")
    (same,), _ = read(path, f"{header}\n{row.replace('37.5665', '37.566500')}\n")
    assert one.external_id == same.external_id
    for change in (("상자", "통"), ("37.5665", "37.5666"), ("110", "111")):
        (other,), _ = read(path, f"{header}\n{row.replace(*change)}\n")
        assert other.external_id != one.external_id
    _, found = read(path, f"{header}\n{row}\n{row}\n")
    assert [(fault.row, fault.problem) for fault in found.faults] == [(3, "the same place as in row 2")]


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("a1,,battery,37.5,127", "name", "the cell is empty"),
        ("a1,상자,,37.5,127", "category", "the cell is empty"),
        ("a1,상자,화장실,37.5,127", "category", "'화장실' is no category"),
        ("a1,상자,battery,,127", "lat", "the cell is empty"),
        ("a1,상자,battery,37.5,", "lng", "the cell is empty"),
        ("a1,상자,battery,북위 37,127", "lat", "no number of degrees"),
        ("a1,상자,battery,nan,127", "lat", "no number of degrees"),
        (f"a1,상자,battery,{'9' * 400},127", "lat", "no number of degrees"),
        ("a1,상자,battery,127.0,37.5", "lat", "latitude 127 and longitude 37.5 are swapped"),
        ("a1,상자,battery,0,0", "lat", "in the ocean"),
        ("a1,상자,battery,198242.5,451586.1", "lat", "metres on a map"),
        ("a1,상자,battery,35.68,139.69", "lat", "is not in Korea"),
        ("a1,상자,battery,39.02,125.75", "lat", "is not in Korea"),
        ("a1,상\x07자,battery,37.5,127", "name", "a control character"),
        (f"a1,{'가' * 201},battery,37.5,127", "name", "201 characters, more than 200"),
        ("a1,상자,battery,37.5", None, "4 cells, the header has 5"),
        ("a1,상자,battery,37.5,127,", None, "6 cells, the header has 5"),
    ],
    ids=range(17),
)
def test_a_row_that_is_wrong_is_named(path: Path, row: str, column: str | None, words: str) -> None:
    _, found = read(path, f"{HEADER}\n{ROW}\n\n{row}\n")
    (fault,) = found.faults
    assert (fault.row, fault.column) == (4, column)
    assert words in fault.problem
    assert fault.advice


@pytest.mark.parametrize(
    ("column", "hours", "words"),
    [
        ("opening_hours", "언제나", "no time of day"),
        ("평일운영시작시각,평일운영종료시각", "09:00,", "no time of day"),
        ("토요일운영시작시각,토요일운영종료시각", ",18:00", "no time of day"),
        ("공휴일운영시작시각,공휴일운영종료시각", "9시,18시", "no time of day"),
    ],
    ids=["text", "no end", "no beginning", "in words"],
)
def test_hours_that_are_wrong_are_named(path: Path, column: str, hours: str, words: str) -> None:
    _, found = read(path, f"{HEADER},{column}\n{ROW},{hours}\n")
    (fault,) = found.faults
    assert (fault.row, fault.column) == (2, column.split(",")[0])
    assert words in fault.problem


def test_all_faults_are_found_at_once(path: Path) -> None:
    _, found = read(path, f"{HEADER}\na1,,화장실,0,x\n{ROW}\n{ROW}\na1,상자,lamp,37.5,127\n")
    assert [(fault.row, fault.column) for fault in found.faults] == [
        (2, "name"),
        (2, "category"),
        (2, "lng"),
        (4, None),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (HEADER.encode(), "no places"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "UTF-16"),
        (b"id,name\n\xff\xff,\xff", "neither UTF-8 nor CP949"),
        (f"{HEADER}\n{ROW}\n".encode() + b"\xea", "neither UTF-8 nor CP949"),
        (b"id,name\n\n\0", "NUL bytes"),
        (HEADER.replace(",", ";").encode(), "not separated by commas"),
        (f'{HEADER}\n"a1"x,y\n'.encode(), "not CSV"),
        (f"{HEADER}\na1,{'x' * 200_000}\n".encode(), "not CSV"),
    ],
    ids=range(10),
)
def test_a_file_that_is_wrong_as_a_whole(path: Path, content: bytes, words: str) -> None:
    _, found = read(path, content)
    (fault,) = found.faults
    assert words in fault.problem
    assert fault.column is None


def test_columns_that_are_wrong(path: Path) -> None:
    _, found = read(path, "id,이름표,위도,latitude\n")
    problems = [(fault.column, fault.problem) for fault in found.faults]
    assert problems == [
        ("latitude", "the column says the same as '위도': lat"),
        ("category", "the column is missing"),
        ("lng", "the column is missing"),
        ("name", "the column is missing"),
    ]
    assert "--category" in found.faults[1].advice
    assert "시설명" in found.faults[3].advice


@pytest.mark.parametrize("name", ["places.xlsx", "places"])
def test_a_file_of_another_kind(tmp_path: Path, name: str) -> None:
    _, found = read(tmp_path / name, f"{HEADER}\n{ROW}\n")
    assert "what kind of file" in found.faults[0].problem


def test_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    with open_places(tmp_path / "zero.csv") as found:
        assert "read twice" in found.faults[0].problem


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MAX_BYTES", 10, "more than 10 bytes"),
        ("MAX_ROWS", 3, "more than 3 rows"),
        ("MAX_FAULTS", 2, "2 faults or more"),
    ],
)
def test_there_are_limits(path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str) -> None:
    monkeypatch.setattr(place_file, limit, value)
    _, found = read(path, "\n".join([HEADER, ROW, ROW, ROW, ROW, ROW]))
    assert words in found.faults[-1].problem
    assert len(found.faults) <= 4


def test_a_fault_does_not_hide_a_place_that_comes_twice(path: Path) -> None:
    other = ROW.replace("battery", "lamp")
    places, found = read(path, f"{HEADER}\n{ROW}\n{other}\n")
    assert not found.faults, "one place, two categories"
    assert len(places) == 2
    _, found = read(path, f"{HEADER}\n{ROW}\n{other}\n{ROW.replace('상자', '통')}\n")
    assert found.faults == [
        Fault("the same place as in row 2", "keep one, or give them ids of their own", row=4, column=None)
    ]


def test_every_row_is_counted(path: Path) -> None:
    path.write_text(f"{HEADER}\n{ROW}\n{ROW}\n")
    counted: list[None] = []
    with open_places(path, advance=lambda: counted.append(None)):
        assert len(counted) == 2


def test_an_encoding_is_found_wherever_it_shows(path: Path) -> None:
    rows = "".join(f"{number},box,battery,37.5,127\n" for number in range(60_000))  # more than one piece of the file
    places, found = read(path, f"{HEADER}\n{rows}last,상자,battery,37.5,127\n".encode("cp949"))
    assert not found.faults
    assert places[-1].name == "상자"


@examples(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_that_a_file_holds_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "places.csv"
    for head in (b"", f"{HEADER}\n".encode()):
        _, found = read(path, head + content)
        assert found.faults
        assert all(fault.problem and fault.advice for fault in found.faults)
