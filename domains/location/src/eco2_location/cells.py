"""Cells: a number for every place on Earth, so that a plain index finds what is near.

Latitude and longitude are cut in halves `LEVELS` times, and the bits of both numbers are interleaved (Morton's order,
https://en.wikipedia.org/wiki/Z-order_curve). All points of a cell of any level have numbers next to each other, so one
B-tree has the cells of all levels, and an area is a few ranges of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eco2_location.geo import Box

LEVELS: Final = 24
"""The smallest cells are 2.4 m wide at the equator; a number has 48 bits. Places are stored with theirs: changing this
takes a migration."""
MAX_CELLS: Final = 24
"""Cells an area is covered with, about. More fit it better, and each takes a look into the index."""
_MASKS: Final = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)

Ranges = list[tuple[int, int]]
"""First and last number of each, in order, none touching the next."""


def cell_of(lat: float, lng: float) -> int:
    """The number of the smallest cell that a point is in."""
    return _number(_position(lng, 180, LEVELS), _position(lat, 90, LEVELS))


def cover(boxes: Sequence[Box], *, max_cells: int = MAX_CELLS) -> Ranges:
    """Ranges that have the numbers of all points in the boxes, and of some around them."""
    share = max(1, max_cells // len(boxes))
    return _merged(sorted(found for box in boxes for found in _cover(box, share)))


def _cover(box: Box, max_cells: int) -> Ranges:
    """The cells of the finest level of which the box takes no more than so many."""
    level = LEVELS
    while True:
        columns = range(_position(box.west, 180, level), _position(box.east, 180, level) + 1)
        rows = range(_position(box.south, 90, level), _position(box.north, 90, level) + 1)
        if len(columns) * len(rows) <= max_cells:
            break
        level -= 1
    shift = 2 * (LEVELS - level)
    numbers = (_number(column, row) for column in columns for row in rows)
    return [(number << shift, ((number + 1) << shift) - 1) for number in numbers]


def _merged(ranges: Ranges) -> Ranges:
    merged: Ranges = []
    for low, high in ranges:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _position(degrees: float, limit: int, level: int) -> int:
    """Which of 2**level equal parts a coordinate is in; the upper limit is in the last."""
    parts = 1 << level
    return min(parts - 1, int((degrees + limit) / (2 * limit) * parts))


def _number(column: int, row: int) -> int:
    return _spread(column) | _spread(row) << 1


def _spread(value: int) -> int:
    """A zero before each of its (up to 32) bits."""
    for shift, mask in _MASKS:
        value = (value | value << shift) & mask
    return value
