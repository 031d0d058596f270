"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from eco2_service.problems import Conflict, Unavailable


class OtherRequest(Conflict):
    """A request id comes again with another body."""

    def __init__(self) -> None:
        super().__init__(
            "This request id was used for another request; take a new one for each reward", slug="request-id-used"
        )


class Busy(Unavailable):
    """Somebody else changes the same, and does not get done."""

    def __init__(self) -> None:
        super().__init__("Another change of the same is under way; try again in a moment", slug="busy")
