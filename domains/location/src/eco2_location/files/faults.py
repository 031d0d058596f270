"""Why a file is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Where, what is wrong, and what to do.

    Args:
        row: the line of a CSV file, the number of a GeoJSON feature (from 1); None for the whole file.
        column: as the file calls it.
    """

    problem: str
    advice: str
    row: int | None = None
    column: str | None = None


class Refused(Exception):
    """The reading cannot go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault
