"""Pictures that the server knows.

    +-------+-------+
    |   1   |   2   |   1 to 4: colours that follow from the item's id
    +-------+-------+
    |   3   |   4   |
    +---+---+---+---+
    | a | b | c | d |   a to d: colours that follow from the ids of tags; grey: none
    +---+---+---+---+

An id has a place in a space of twelve dimensions, so that any set of ids can be told apart, also after the picture was
encoded once more. A picture of something else is near to none of them.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from PIL import Image, ImageDraw, UnidentifiedImageError

SMALLEST: Final = 64
"""Pixels: below that the colours of neighbours run into each other in a JPEG."""
NO_TAG: Final = (128, 128, 128)
TAG_SLOTS: Final = 4
_NEAR: Final = 40
"""Of 255: what a channel may lose when the picture is encoded again."""
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


class NotAPicture(ValueError):
    """The bytes are no image that can be read."""


def picture(
    item: str,
    *,
    tags: Sequence[str] = (),
    size: int = 256,
    variant: int = 0,
    image_format: Literal["JPEG", "PNG", "WEBP"] = "JPEG",
) -> bytes:
    """A square picture that is recognised as that item.

    Args:
        item: id of an item class.
        tags: ids of situation tags, 4 at most.
        size: pixels of a side, 64 at least.
        variant: pictures of the same item with another variant are other pictures, which stays so when they are
            encoded again.

    Raises:
        ValueError: too small, or too many tags.
    """
    if size < SMALLEST or len(tags) > TAG_SLOTS:
        raise ValueError(f"a picture has {SMALLEST} pixels and at most {TAG_SLOTS} tags")
    image = Image.new("RGB", (size, size))
    draw = ImageDraw.Draw(image)
    for box, colour in zip(_quarters(size, size), _colours(item), strict=True):
        draw.rectangle(box, fill=colour)
    slots = [_tag_colour(tag) for tag in tags] + [NO_TAG] * (TAG_SLOTS - len(tags))
    for box, colour in zip(_slots(size, size), slots, strict=True):
        draw.rectangle(box, fill=colour)
    _vary(draw, size, variant)
    return _encoded(image, image_format)


def nothing(size: int = 256) -> bytes:
    """A picture, as JPEG, of nothing that is known."""
    return _encoded(Image.new("RGB", (size, size), (250, 250, 250)), "JPEG")


def open_picture(content: bytes) -> Image.Image:
    """The image, decoded. Raises NotAPicture."""
    try:
        return Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "WEBP", "GIF"]).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NotAPicture("not an image") from error


def item_of(image: Image.Image, candidates: Iterable[str]) -> str | None:
    """Which of the ids the picture shows."""
    seen = [_average(image, box) for box in _quarters(*image.size)]
    for candidate in candidates:
        if all(_near(found, wanted) for found, wanted in zip(seen, _colours(candidate), strict=True)):
            return candidate
    return None


def tags_of(image: Image.Image, candidates: Sequence[str]) -> list[str]:
    """Which of the ids the row below shows, in the order of the picture."""
    found = []
    for box in _slots(*image.size):
        colour = _average(image, box)
        distances = {candidate: _distance(colour, _tag_colour(candidate)) for candidate in candidates}
        nearest = min(distances, key=lambda name: distances[name], default=None)
        none = _distance(colour, NO_TAG)
        if nearest is not None and distances[nearest] < none and _near(colour, _tag_colour(nearest)):
            found.append(nearest)
    return found


def _quarters(width: int, height: int) -> list[Box]:
    half, middle, low = width / 2, height * 3 / 8, height * 3 / 4
    tops, lefts = ((0.0, middle), (middle, low)), ((0.0, half), (half, float(width)))
    return [(left, top, right, bottom) for top, bottom in tops for left, right in lefts]


def _slots(width: int, height: int) -> list[Box]:
    step = width / TAG_SLOTS
    return [(number * step, height * 3 / 4, (number + 1) * step, float(height)) for number in range(TAG_SLOTS)]


def _colours(item: str) -> list[Colour]:
    digest = hashlib.sha256(item.encode()).digest()
    return [(digest[at], digest[at + 1], digest[at + 2]) for at in (0, 3, 6, 9)]


def _tag_colour(tag: str) -> Colour:
    digest = hashlib.sha256(b"tag:" + tag.encode()).digest()
    return digest[0], digest[1], digest[2]


def _vary(draw: ImageDraw.ImageDraw, size: int, variant: int) -> None:
    """A spot in the middle, where nothing is measured."""
    if variant:
        digest = hashlib.sha256(b"variant:%d" % variant).digest()
        middle, reach = (size / 2, size * 3 / 8), size / 16
        for number, (across, down) in enumerate(((-1, -1), (0, -1), (-1, 0), (0, 0))):
            left, top = middle[0] + across * reach, middle[1] + down * reach
            fill: Colour = (digest[3 * number], digest[3 * number + 1], digest[3 * number + 2])
            draw.rectangle((left, top, left + reach, top + reach), fill=fill)


def _average(image: Image.Image, box: Box) -> Colour:
    """Of the middle of a box: its edges have something of their neighbours."""
    left, top, right, bottom = box
    inset_x, inset_y = (right - left) / 4, (bottom - top) / 4
    inner = (left + inset_x, top + inset_y, right - inset_x, bottom - inset_y)
    pixel = image.resize((1, 1), Image.Resampling.BOX, box=inner).getpixel((0, 0))
    assert isinstance(pixel, tuple)  # noqa: S101  RGB
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def _distance(one: Colour, other: Colour) -> int:
    return sum(abs(first - second) for first, second in zip(one, other, strict=True))


def _near(one: Colour, other: Colour) -> bool:
    return all(abs(first - second) <= _NEAR for first, second in zip(one, other, strict=True))


def _encoded(image: Image.Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, quality=90)
    return buffer.getvalue()
