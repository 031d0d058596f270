"""The types of images that are taken, and how the first bytes of a file show them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MAX_BYTES: Final = 10 * 1024 * 1024
"""Of an upload, and of the image it becomes."""
MAX_PIXELS: Final = 25_000_000
"""Of an image. Decoded and turned it takes eight bytes for each."""


class Media(StrEnum):
    """A type of image; its value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"

    @property
    def extension(self) -> str:
        """Of names of files, without a dot."""
        return _EXTENSIONS[self]


_EXTENSIONS: Final = {Media.JPEG: "jpg", Media.PNG: "png", Media.WEBP: "webp"}


def sniff(data: bytes) -> Media | None:
    """The type that the bytes show, whatever anybody says about them; None when it is none of ours.

    https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern
    """
    if data.startswith(b"\xff\xd8\xff"):
        return Media.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Media.PNG
    if data[:4] == b"RIFF" and data[8:14] == b"WEBPVP":
        return Media.WEBP
    return None
