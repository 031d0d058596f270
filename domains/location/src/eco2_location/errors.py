"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from eco2_service.problems import NotFound, Unavailable


class PlaceUnknown(NotFound):
    """There is no such place, or no more."""

    def __init__(self) -> None:
        super().__init__("There is no such place", slug="place-unknown")


class Busy(Unavailable):
    """Somebody else imports."""

    def __init__(self) -> None:
        super().__init__("Another import is under way; try again when it is done", slug="busy")
