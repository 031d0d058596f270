"""Pictures as they are shown to models: checked, small, and without what else was in the file."""

from __future__ import annotations

import base64
import io
import threading
from typing import Final

from PIL import Image, ImageOps

from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import InvalidImage, TimedOut

MAX_BYTES: Final = 15 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
"""Of a JPEG, which is decoded at a fraction of its size."""
MAX_PIXELS_WHOLE: Final = 25_000_000
"""Of a format that has to be decoded as a whole: eight bytes for each, for a moment. Where something may be transparent
that is four for the picture, and four for the copy from which it is made small."""
MIN_SIDE: Final = 50
"""Pixels; Azure's limit, and below it there is nothing to be seen."""
MAX_SIDE: Final = 1024
"""Pixels of what is sent: under 1000 tokens (https://platform.openai.com/docs/guides/images-vision)."""
QUALITY: Final = 85
DECODERS: Final = 2
"""Pictures that are decoded at the same time: what they need of memory, together."""
_MAGIC: Final = (
    ("JPEG", b"\xff\xd8\xff", 0, b""),
    ("PNG", b"\x89PNG\r\n\x1a\n", 0, b""),
    ("WEBP", b"RIFF", 8, b"WEBP"),
)


class Images:
    """Prepares pictures; a few at a time."""

    def __init__(self) -> None:
        self._decoders = threading.BoundedSemaphore(DECODERS)

    def prepare(self, content: bytes, *, deadline: Deadline) -> bytes:
        """A JPEG of at most `MAX_SIDE` pixels a side, upright, without metadata.

        Args:
            content: a JPEG, PNG or WebP; of an animation the first picture is taken.

        Raises:
            InvalidImage: for another, one that is broken, too large or too small.
            TimedOut: too many others are being prepared.
        """
        if len(content) > MAX_BYTES:
            raise InvalidImage("too many bytes")
        kind = _kind(content)
        if not self._decoders.acquire(timeout=deadline.remaining()):
            raise TimedOut
        try:
            return _prepared(content, kind)
        except InvalidImage:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise InvalidImage("too many pixels") from None
        except Exception:
            raise InvalidImage("broken") from None
        finally:
            self._decoders.release()


def data_url(jpeg: bytes) -> str:
    """A picture inside a request."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _kind(content: bytes) -> str:
    for kind, start, offset, then in _MAGIC:
        if content.startswith(start) and content[offset : offset + len(then)] == then:
            return kind
    raise InvalidImage("not a JPEG, PNG or WebP")


def _prepared(content: bytes, kind: str) -> bytes:
    with Image.open(io.BytesIO(content), formats=(kind,)) as image:
        width, height = image.size
        if min(width, height) < MIN_SIDE:
            raise InvalidImage("too small")
        if width * height > (MAX_PIXELS if kind == "JPEG" else MAX_PIXELS_WHOLE):
            raise InvalidImage("too many pixels")
        image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        image.load()  # as it was drafted: `thumbnail` would ask for a draft of its own
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        upright = ImageOps.exif_transpose(image)  # a copy: of the small one
        output = io.BytesIO()
        _on_white(upright).save(output, "JPEG", quality=QUALITY)
        return output.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    """In three colours; what is transparent becomes white. A new picture, which has no metadata."""
    with_alpha = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return flat
