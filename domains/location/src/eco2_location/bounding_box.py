"""The parameter `bbox`: two corners of the map as text, in GeoJSON's order (RFC 7946, section 5)."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from eco2_location.geo import Box, boxes_between

_FRACTION: Final = r"(\.[0-9]{1,20})?"
_ZERO: Final = r"(\.0{1,20})?"
_LNG: Final = rf"-?((1[0-7][0-9]|[0-9]{{1,2}}){_FRACTION}|180{_ZERO})"
_LAT: Final = rf"-?([0-8]?[0-9]{_FRACTION}|90{_ZERO})"
PATTERN: Final = rf"^{_LNG},{_LAT},{_LNG},{_LAT}$"
WORLD: Final = "-180,-90,180,90"


def parse_bbox(text: str) -> tuple[Box, ...]:
    """The boxes to look into. Raises ValueError with words for users."""
    if re.fullmatch(PATTERN, text, re.ASCII) is None:
        raise ValueError(_what_is_wrong(text))
    west, one, east, other = map(float, text.split(","))
    return boxes_between(west, min(one, other), east, max(one, other))


def _what_is_wrong(text: str) -> str:
    parts = text.split(",")
    try:
        west, south, east, north = map(float, parts)
    except ValueError:
        return "must be four numbers with commas: minLng,minLat,maxLng,maxLat"
    if max(abs(south), abs(north)) > 90 >= max(abs(west), abs(east)):
        return "latitudes are -90 to 90: the order is minLng,minLat,maxLng,maxLat, longitudes first"
    if not (max(abs(south), abs(north)) <= 90 and max(abs(west), abs(east)) <= 180):
        return "longitudes are -180 to 180 and latitudes -90 to 90 degrees"
    return "numbers are written as 126.97, with up to 20 digits after the point"


def _check(text: str) -> str:
    parse_bbox(text)
    return text


BoundingBox = Annotated[str, AfterValidator(_check)]
"""Text of the form `PATTERN`."""
