"""Names of objects. Nobody can guess one, and none says whose it is."""

from __future__ import annotations

import re
import secrets
from typing import Final

from eco2_image.media import Media

RAW_PREFIX: Final = "raw/"
"""What clients write. Nobody reads it but this domain: the CDN must not serve it."""
IMAGE_PREFIX: Final = "images/"
"""What this domain has made of it."""
_IMAGE_KEY: Final = re.compile(r"images/[0-9a-f]{32}\.(?:jpg|png|webp)")


def new_raw_key() -> str:
    """For what a client is going to upload."""
    return f"{RAW_PREFIX}{secrets.token_hex(16)}"


def new_image_key(media: Media) -> str:
    """For an image; each attempt to make one writes to a name of its own."""
    return f"{IMAGE_PREFIX}{secrets.token_hex(16)}.{media.extension}"


def is_image_key(key: str) -> bool:
    """Whether it can be an image's."""
    return _IMAGE_KEY.fullmatch(key) is not None
