"""Points and distances on a sphere. Degrees and metres.

A place has one pair of coordinates: its longitude is at least -180 and less than 180, and 0 at a pole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

EARTH_RADIUS: Final = 6371008.8
"""Metres: the mean radius R1 of GRS 80 (https://doi.org/10.1007/s001900050278). A sphere is up to 0.5 % off."""
_PAD: Final = 1e-9
"""Radians, 6 mm: a box around a circle is this much wider than what rounding may take away."""


@dataclass(frozen=True, slots=True)
class Box:
    """Between two latitudes and two longitudes, borders included. West is never more than east."""

    south: float
    west: float
    north: float
    east: float


def canonical(lat: float, lng: float) -> tuple[float, float]:
    """The one pair of coordinates of a point: the antimeridian is -180, and a pole has the longitude 0."""
    if abs(lat) == 90:
        return lat, 0.0
    return lat, -180.0 if lng == 180 else lng


def haversine(lat: float, lng: float, other_lat: float, other_lng: float) -> float:
    """Metres between two points, along the sphere. `finders.DISTANCE` is the same in SQL.

    https://en.wikipedia.org/wiki/Haversine_formula
    """
    a = math.sin(math.radians(other_lat - lat) / 2) ** 2
    b = math.sin(math.radians(other_lng - lng) / 2) ** 2
    h = a + math.cos(math.radians(lat)) * math.cos(math.radians(other_lat)) * b
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(h)))


def around(lat: float, lng: float, radius: float) -> tuple[Box, ...]:
    """Boxes that hold every point within `radius` metres: two where they meet at the antimeridian.

    The widest part of a circle is not at its centre's latitude: http://janmatuschek.de/LatitudeLongitudeBoundingCoordinates
    """
    angle = radius / EARTH_RADIUS + _PAD
    south, north = lat - math.degrees(angle), lat + math.degrees(angle)
    if south <= -90 or north >= 90:  # a pole is inside, and with it every longitude
        return (Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0),)
    width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(lat))) + _PAD)
    west, east = lng - width, lng + width
    if west < -180:
        return Box(south, -180.0, north, east), Box(south, west + 360, north, 180.0)
    if east >= 180:
        return Box(south, west, north, 180.0), Box(south, -180.0, north, east - 360)
    return (Box(south, west, north, east),)


def boxes_between(west: float, south: float, east: float, north: float) -> tuple[Box, ...]:
    """Boxes with the canonical coordinates of what lies between two meridians, going east, and two parallels.

    `west` is more than `east` where the antimeridian is between them. What reaches a pole has the pole in it.
    """
    if west <= east:
        boxes = [Box(south, west, north, east)]
        if east == 180:
            boxes.append(Box(south, -180.0, north, -180.0))
    else:
        boxes = [Box(south, west, north, 180.0), Box(south, -180.0, north, east)]
    boxes += [Box(pole, 0.0, pole, 0.0) for pole in (-90.0, 90.0) if south <= pole <= north]
    return tuple(boxes)
