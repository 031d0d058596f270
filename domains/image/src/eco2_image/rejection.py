"""Why an upload does not become an image."""

from __future__ import annotations

from enum import StrEnum


class Rejection(StrEnum):
    """A word for programs."""

    EXPIRED = "expired"
    """Nobody said in time that it was complete."""
    MISSING = "missing"
    """What was uploaded is not there any more."""
    SIZE_DIFFERS = "size_differs"
    """It has not as many bytes as was said before."""
    TOO_LARGE = "too_large"
    """It has, or would have as an image, more bytes than an image may."""
    TYPE_DIFFERS = "type_differs"
    """It is an image of another type than was said before."""
    TYPE_NOT_ALLOWED = "type_not_allowed"
    """Its bytes are no image of the types that are taken."""
    TOO_MANY_PIXELS = "too_many_pixels"
    ANIMATED = "animated"
    UNREADABLE = "unreadable"
    """It begins like an image and is none, or not all of one."""
    FAILED = "failed"
    """It was our fault; a new upload may succeed."""


class Rejected(Exception):
    """Raised for an upload that does not become an image."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason.value)
        self.reason = reason
