"""From what a user uploaded to an image that may be shown: its pixels, and nothing else of the file.

The pixels are decoded and encoded again. So nothing that was hidden in the file is left, neither what a camera writes
down (the place, the time, its serial number, a preview of what was cut away) nor a second meaning of the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass
from typing import Any, Final

import structlog
from PIL import Image, ImageOps

from eco2_image.media import MAX_BYTES, MAX_PIXELS, Media, sniff
from eco2_image.rejection import Rejected, Rejection
from eco2_image.webp import webp_header

_FORMATS: Final = {Media.JPEG: "JPEG", Media.PNG: "PNG", Media.WEBP: "WEBP"}
"""Pillow's names. No other decoder of the many it has is ever tried."""
_OPTIONS: Final[dict[Media, dict[str, Any]]] = {
    Media.JPEG: {"quality": 88, "optimize": True, "progressive": True},
    Media.PNG: {"compress_level": 6},
    Media.WEBP: {"quality": 88, "method": 4},
}
_DEEP: Final = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of grey in 16 bits."""
_MAX_SCANS: Final = 100
"""Of a JPEG. Cameras write one and encoders ten. Each takes as long to decode as the whole image and may be of a few
bytes: a file of a megabyte could take minutes. (The specification is silent; libjpeg-turbo's djpeg has -maxscans.)"""
_SCAN: Final = b"\xff\xda"
"""What a scan begins with (SOS). Among the pixels of a JPEG no 0xff is followed by it; in metadata it may be."""
log = structlog.get_logger("eco2.image.cleaning")
_one_at_a_time: Final = threading.Lock()
"""Decoded, an image takes up to 200 MB: a process has one in memory."""

Image.MAX_IMAGE_PIXELS = None  # ours is smaller, and raises nothing that is only a warning


@dataclass(frozen=True, slots=True)
class Cleaned:
    """An image that may be shown; width and height in pixels."""

    media: Media
    data: bytes
    sha256: str
    width: int
    height: int


def clean(data: bytes, declared: Media) -> Cleaned:
    """Make an image of an upload. Takes up to seconds of a core; not for use in an event loop.

    Raises:
        Rejected: when it cannot be, or may not be, an image of the type that was declared.
    """
    found = sniff(data)
    if found is None:
        raise Rejected(Rejection.TYPE_NOT_ALLOWED)
    if found is not declared:
        raise Rejected(Rejection.TYPE_DIFFERS)
    try:
        with _one_at_a_time:
            picture = _pixels(data, found)
            cleaned = _encoded(picture, found)
    except (Rejected, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise anything; whatever it is, it is no image
        log.info("image cannot be read", error=type(error).__name__)
        raise Rejected(Rejection.UNREADABLE) from None
    if len(cleaned) > MAX_BYTES:
        raise Rejected(Rejection.TOO_LARGE)
    return Cleaned(found, cleaned, hashlib.sha256(cleaned).hexdigest(), *picture.size)


def _pixels(data: bytes, media: Media) -> Image.Image:
    if media is Media.WEBP:
        header = webp_header(data)
        if header is None:
            raise Rejected(Rejection.UNREADABLE)
        _check(header.width, header.height, animated=header.animated)
    if media is Media.JPEG and data.count(_SCAN) > _MAX_SCANS:
        raise Rejected(Rejection.UNREADABLE)
    with Image.open(io.BytesIO(data), formats=[_FORMATS[media]]) as opened:
        # A JPEG may have several pictures (MPO) and is no animation: phones put a depth map behind the photo.
        animated = media is not Media.JPEG and getattr(opened, "is_animated", False)
        _check(*opened.size, animated=animated)
        picture: Image.Image = ImageOps.exif_transpose(opened)
        return _plain(picture)


def _check(width: int, height: int, *, animated: bool) -> None:
    """Before anything is decoded: a file of a few kilobytes may have gigabytes of pixels."""
    if width * height > MAX_PIXELS:
        raise Rejected(Rejection.TOO_MANY_PIXELS)
    if animated:
        raise Rejected(Rejection.ANIMATED)


def _plain(picture: Image.Image) -> Image.Image:
    """The pixels in a mode that all our encoders have, without what else the file says."""
    if picture.mode in _DEEP:
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    wanted = "RGBA" if picture.has_transparency_data else "RGB"
    plain = picture if picture.mode in ("L", wanted) else picture.convert(wanted)
    plain.load()
    plain.info.clear()  # comments, colour profile: encoders take some of it by themselves
    return plain


def _encoded(picture: Image.Image, media: Media) -> bytes:
    target = io.BytesIO()
    picture.save(target, _FORMATS[media], **_OPTIONS[media])
    return target.getvalue()
