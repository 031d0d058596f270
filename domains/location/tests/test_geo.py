"""Distances and boxes on the sphere, with their edges: the poles and the antimeridian."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from eco2_location.cells import LEVELS, cell_of, cover
from eco2_location.geo import EARTH_RADIUS, Box, around, boxes_between, canonical, haversine

HALF = math.pi * EARTH_RADIUS
LAT = st.floats(-90, 90) | st.sampled_from([-90.0, -89.999999, 0.0, 89.999999, 90.0, 37.5665])
LNG = st.floats(-180, 180) | st.sampled_from([-180.0, -179.999999, 0.0, 179.999999, 180.0, 126.978])
POINT = st.tuples(LAT, LNG)
RADIUS = st.floats(1, HALF * 1.1) | st.sampled_from([1.0, 100.0, 50_000.0, HALF / 2, HALF])
many = examples(max_examples=500, derandomize=True, deadline=None)


def is_in(boxes: tuple[Box, ...], lat: float, lng: float) -> bool:
    return any(box.south <= lat <= box.north and box.west <= lng <= box.east for box in boxes)


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((37.5665, 126.978), (37.5665, 126.978), 0),
        ((0, 0), (0, 1), HALF / 180),
        ((0, 179.5), (0, -179.5), HALF / 180),
        ((90, 0), (-90, 0), HALF),
        ((90, 10), (90, 170), 0),
        ((89.5, 0), (89.5, 180), HALF / 180),
        ((0, 0), (0, 180), HALF),
    ],
)
def test_known_distances(one: tuple[float, float], other: tuple[float, float], metres: float) -> None:
    assert haversine(*one, *other) == pytest.approx(metres, abs=1e-6)


def test_a_distance_that_others_have_published() -> None:
    """Seoul to Busan: https://www.movable-type.co.uk/scripts/latlong.html says 325.1 km with R = 6371 km."""
    assert haversine(37.5665, 126.978, 35.1796, 129.0756) == pytest.approx(325_100, abs=300)


@many
@given(POINT, POINT)
def test_laws_of_distance(one: tuple[float, float], other: tuple[float, float]) -> None:
    metres = haversine(*one, *other)
    assert 0 <= metres <= HALF * (1 + 1e-15)
    assert metres == pytest.approx(haversine(*other, *one), abs=1e-6)
    assert haversine(*one, *canonical(*one)) == pytest.approx(0, abs=1e-6)


@many
@given(POINT)
def test_a_point_has_one_pair_of_coordinates(point: tuple[float, float]) -> None:
    lat, lng = canonical(*point)
    assert canonical(lat, lng) == (lat, lng)
    assert -180 <= lng < 180
    assert abs(lat) < 90 or lng == 0


@many
@given(POINT, POINT, RADIUS)
@example((89.0, 0.0), (89.5, 180.0), 200_000.0)  # over the pole
@example((37.0, 179.9), (37.0, -179.9), 20_000.0)
@example((0.0, 179.0), (0.0, -180.0), HALF / 180)  # as far as the antimeridian, and no further
@example((-90.0, 0.0), (-89.9, 77.0), 12_000.0)
def test_what_is_within_the_radius_is_in_the_boxes_and_their_cells(
    centre: tuple[float, float], other: tuple[float, float], radius: float
) -> None:
    other = canonical(*other)
    boxes = around(*centre, radius)
    assert all(-90 <= box.south <= box.north <= 90 and -180 <= box.west <= box.east <= 180 for box in boxes)
    if haversine(*centre, *other) <= radius:
        assert is_in(boxes, *other)
        assert any(low <= cell_of(*other) <= high for low, high in cover(boxes))


@many
@given(POINT, st.floats(1, HALF / 2), st.floats(0, 2 * math.pi))
def test_nor_is_a_point_on_the_circle_left_out(point: tuple[float, float], radius: float, bearing: float) -> None:
    """Two points at random are seldom near each other: here the other one is at exactly that distance."""
    lat, lng = map(math.radians, point)
    angle = radius / EARTH_RADIUS * (1 - 1e-12)
    sine = math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1, min(1, sine)))
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(lat), math.cos(angle) - math.sin(lat) * math.sin(there)
    )
    other = canonical(math.degrees(there), (math.degrees(lng + turn) + 540) % 360 - 180)
    boxes = around(*point, radius)
    assert is_in(boxes, *other)
    assert any(low <= cell_of(*other) <= high for low, high in cover(boxes))


def test_a_small_circle_has_small_boxes() -> None:
    (box,) = around(37.5665, 126.978, 1000)
    assert box.north - box.south == pytest.approx(2 * 1000 / (HALF / 180), rel=1e-3)
    width = haversine(37.5665, box.west, 37.5665, box.east)
    assert width == pytest.approx(2000, rel=1e-3)
    assert len(around(37.5665, 179.999, 1000)) == 2


@many
@given(POINT, LNG, LAT, LNG, LAT)
@example((90.0, 33.0), 100.0, 80.0, 120.0, 90.0)
@example((10.0, 180.0), 170.0, 0.0, 180.0, 20.0)
@example((10.0, -180.0), 170.0, 0.0, 180.0, 20.0)
@example((10.0, 180.0), -180.0, 0.0, -170.0, 20.0)
def test_between_two_meridians_and_two_parallels(
    point: tuple[float, float], west: float, one: float, east: float, other: float
) -> None:
    south, north = sorted((one, other))
    boxes = boxes_between(west, south, east, north)
    lat, lng = point
    is_between = west <= lng <= east if west <= east else lng >= west or lng <= east
    if abs(lng) == 180:  # one meridian, two names
        is_between = any(west <= name <= east if west <= east else name >= west or name <= east for name in (180, -180))
    expected = south <= lat <= north and (is_between or abs(lat) == 90)
    assert is_in(boxes, *canonical(lat, lng)) is expected
    if expected:
        assert any(low <= cell_of(*canonical(lat, lng)) <= high for low, high in cover(boxes))


@many
@given(POINT)
def test_a_cell_has_a_number_of_48_bits(point: tuple[float, float]) -> None:
    assert 0 <= cell_of(*point) < 1 << 2 * LEVELS


@many
@given(st.lists(st.tuples(LAT, LNG, LAT, LNG), min_size=1, max_size=4), st.integers(1, 100))
def test_ranges_are_in_order_apart_and_few(corners: list[tuple[float, float, float, float]], max_cells: int) -> None:
    boxes = [Box(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    found = cover(boxes, max_cells=max_cells)
    assert len(found) <= max(max_cells, len(boxes))
    assert all(low <= high for low, high in found)
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(found))


def test_neighbours_share_a_range() -> None:
    assert cover([Box(-90, -180, 90, 180)]) == [(0, (1 << 2 * LEVELS) - 1)]
    lat, lng = 37.5665, 126.978
    assert cover([Box(lat, lng, lat, lng)]) == [(cell_of(lat, lng),) * 2]
    ranges = cover(around(lat, lng, 1000))
    assert sum(high - low + 1 for low, high in ranges) < 4 * (2000 / 2.0) ** 2  # about four times the circle's square
