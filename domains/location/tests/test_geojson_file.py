"""GeoJSON files: what is read of them, and all that is wrong with one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_location.categories import Category
from eco2_location.files.place_file import PlaceFile, open_places
from eco2_location.hours_text import parse_hours
from eco2_location.models import NewPlace

POINT = {"type": "Point", "coordinates": [126.978, 37.5665]}
PROPERTIES = {"id": "a1", "name": "상자", "category": "battery"}
FEATURE = {"type": "Feature", "geometry": POINT, "properties": PROPERTIES}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "places.geojson"


def read(path: Path, content: Any, category: Category | None = None) -> tuple[list[NewPlace], PlaceFile]:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with open_places(path, category) as found:
        return ([] if found.faults else list(found.places())), found


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def test_a_collection_of_points(path: Path) -> None:
    properties = PROPERTIES | {
        "주소": "세종대로 110",
        "opening_hours": "24/7",
        "phone": None,
        "type": "node",
        "lat": 1,
        "detail": 3,
    }
    other = {"type": "Feature", "id": 7, "geometry": POINT, "properties": {"name": "통", "구분": "폐형광등, 폐건전지"}}
    places, found = read(path, {"features": [FEATURE | {"properties": properties}, other], "type": "FeatureCollection"})
    assert places == [
        NewPlace("a1", Category.BATTERY, "상자", "세종대로 110", "3", None, 37.5665, 126.978, parse_hours("24/7")),
        NewPlace("7", Category.LAMP, "통", None, None, None, 37.5665, 126.978, None),
        NewPlace("7", Category.BATTERY, "통", None, None, None, 37.5665, 126.978, None),
    ]
    assert found.ignored == ("lat", "type")


def test_with_an_altitude_with_a_byte_order_mark_and_without_ids(path: Path) -> None:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [127, 37, 12.5]},
        "properties": {"name": "x"},
    }
    (one,), _ = read(path, b"\xef\xbb\xbf" + json.dumps(collection(feature)).encode(), Category.CLOTHES)
    assert (one.lat, one.lng, one.category) == (37, 127, Category.CLOTHES)
    assert one.external_id.startswith("made-")


def point(*position: Any) -> dict[str, Any]:
    return FEATURE | {"geometry": {"type": "Point", "coordinates": list(position)}}


@pytest.mark.parametrize(
    ("feature", "column", "words"),
    [
        (point(37.5665, 126.978), "lat", "are swapped"),
        (point(1e-7, 37.5), "lat", "is not in Korea"),
        (point(10**18, 37.5), "lat", "metres on a map"),
        (point("126.978", 37.5), "geometry", "no longitude and latitude"),
        (point(True, 37.5), "geometry", "no longitude and latitude"),
        (point(126.978), "geometry", "no longitude and latitude"),
        (FEATURE | {"geometry": {"type": "Point"}}, "geometry", "no longitude and latitude"),
        (FEATURE | {"geometry": {"type": "Polygon", "coordinates": []}}, "geometry", "'Polygon' is no Point"),
        (FEATURE | {"geometry": None}, "geometry", "'None' is no Point"),
        ("feature", "geometry", "is no Point"),
        (FEATURE | {"properties": PROPERTIES | {"name": ["상자"]}}, "name", "neither text nor number"),
        (FEATURE | {"properties": PROPERTIES | {"시설명": "통"}}, "시설명", "says the same as 'name'"),
        (FEATURE | {"properties": None}, "name", "the cell is empty"),
        (FEATURE | {"properties": {"시설명": "통", "종류": "화장실"}}, "종류", "is no category"),
        (FEATURE, None, "the same place as in row 1"),
    ],
    ids=range(15),
)
def test_a_feature_that_is_wrong_is_named(path: Path, feature: Any, column: str | None, words: str) -> None:
    _, found = read(path, collection(FEATURE, feature))
    assert {fault.row for fault in found.faults} == {2}
    assert found.faults[0].column == column
    assert words in found.faults[0].problem


@pytest.mark.parametrize(
    ("content", "words", "row"),
    [
        (b"", "not JSON", None),
        (b"{", "not JSON", None),
        (b"[]", "no FeatureCollection", None),
        (b'"FeatureCollection"', "no FeatureCollection", None),
        (json.dumps(FEATURE).encode(), "no FeatureCollection", None),
        (json.dumps(collection()).encode(), "no places", None),
        (b'{"type": "FeatureCollection"}', "no places", None),
        (b'{"type": "FeatureCollection", "features": {}}', "no places", None),
        (json.dumps(collection(FEATURE)).encode()[:-20], "not JSON", None),
        (json.dumps(collection(FEATURE)).encode()[:-2] + b", oops]}", "not JSON", 2),
        (json.dumps(collection(FEATURE, point(10**400, 37.5))).encode(), "integer overflow", 2),
        (json.dumps(collection(FEATURE), ensure_ascii=False).encode("cp949"), "not JSON", None),
    ],
    ids=range(12),
)
def test_a_file_that_is_wrong_as_a_whole(path: Path, content: bytes, words: str, row: int | None) -> None:
    _, found = read(path, content)
    (fault,) = found.faults
    assert words in fault.problem
    assert fault.row == row


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "id", "coordinates"]), inner)
    ),
    max_leaves=8,
)


@examples(max_examples=200, derandomize=True, deadline=None)
@given(st.fixed_dictionaries({"geometry": JSON, "properties": JSON}) | JSON)
def test_nothing_that_a_file_holds_is_an_error(tmp_path_factory: pytest.TempPathFactory, feature: Any) -> None:
    _, found = read(tmp_path_factory.mktemp("any") / "places.json", collection(feature))
    assert found.faults
    assert all(fault.problem and fault.advice for fault in found.faults)
