"""Whether coordinates can be those of a place in Korea, and what is wrong with those that cannot."""

from __future__ import annotations

from typing import Final

from eco2_location.geo import Box

KOREA: Final = Box(south=33.0, west=124.5, north=38.7, east=132.0)
"""Of the Republic of Korea with its islands: Marado 33.11 N, Baengnyeongdo 124.6 E, Goseong 38.6 N, Dokdo 131.87 E."""


def _is_in_korea(lat: float, lng: float) -> bool:
    return KOREA.south <= lat <= KOREA.north and KOREA.west <= lng <= KOREA.east


def what_is_wrong(lat: float, lng: float) -> tuple[str, str] | None:
    """The problem and what to do about it; None when there is none."""
    if _is_in_korea(lat, lng):
        return None
    if _is_in_korea(lng, lat):
        return f"latitude {lat:g} and longitude {lng:g} are swapped", "exchange the two"
    if lat == 0 and lng == 0:
        return "0, 0 is in the ocean: an address that was not found", "look its coordinates up"
    if abs(lat) > 180 or abs(lng) > 180:
        advice = "convert them to WGS 84 (EPSG:4326); Korea's are often EPSG:5174, 5179 or 5186"
        return f"{lat:g}, {lng:g} are metres on a map, not degrees", advice
    return f"latitude {lat:g}, longitude {lng:g} is not in Korea", "look its coordinates up"
