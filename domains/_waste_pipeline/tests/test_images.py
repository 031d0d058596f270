"""Pictures are checked, made small, and lose what else is in the file."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eco2_waste_pipeline import images
from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import InvalidImage, TimedOut
from eco2_waste_pipeline.images import DECODERS, MAX_SIDE, Images, data_url

SECRET = b"37.5665N somebody's kitchen"


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def prepared(content: bytes) -> bytes:
    return Images().prepare(content, deadline=Deadline(60))


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    assert image.format == "JPEG"
    image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_three_formats_become_a_jpeg(kind: str, mode: str) -> None:
    image = opened(prepared(encoded(Image.new(mode, (300, 200), "red" if mode == "RGB" else 128), kind)))
    assert (image.size, image.mode) == ((300, 200), "RGB")


@pytest.mark.parametrize(
    ("size", "expected"), [((4000, 3000), (1024, 768)), ((60, 6000), (10, 1024)), ((1024, 1024), (1024, 1024))]
)
def test_a_large_one_is_made_small(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert opened(prepared(encoded(Image.new("RGB", size), "JPEG"))).size == expected
    assert max(expected) == MAX_SIDE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_the_camera_wrote_is_removed_and_obeyed(kind: str) -> None:
    image = Image.new("RGB", (300, 100), "white")
    image.paste((255, 0, 0), (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010E] = SECRET.decode()
    content = encoded(image, kind, exif=exif, **({"comment": SECRET, "icc_profile": SECRET} if kind == "JPEG" else {}))
    assert SECRET in content
    jpeg = prepared(content)
    assert SECRET not in jpeg
    upright = opened(jpeg)
    assert not upright.getexif()
    assert set(upright.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert upright.size == (100, 300)
    red, _, blue = upright.getpixel((50, 20))  # type: ignore[misc]
    assert red > 200
    assert blue < 50


def test_a_large_jpeg_is_never_decoded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    thumbnail = Image.Image.thumbnail

    def watched(image: Image.Image, size: tuple[float, float]) -> None:
        decoded.append(image.im.size)
        thumbnail(image, size)

    monkeypatch.setattr(Image.Image, "thumbnail", watched)
    prepared(encoded(Image.new("RGB", (9000, 4500)), "JPEG"))
    assert decoded == [(2250, 1125)]


def test_only_the_small_one_is_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turned picture is a copy; of 25 million pixels it would be 100 MB."""
    turned: list[tuple[int, int]] = []
    transpose = images.ImageOps.exif_transpose

    def watched(image: Image.Image) -> Image.Image:
        turned.append(image.size)
        return transpose(image)

    monkeypatch.setattr(images.ImageOps, "exif_transpose", watched)
    prepared(encoded(Image.new("RGBA", (3000, 1500)), "PNG"))
    assert turned == [(1024, 512)]


def test_what_is_transparent_becomes_white() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert opened(prepared(encoded(image, "PNG"))).getpixel((50, 50)) == (255, 255, 255)


def test_of_an_animation_the_first_picture_is_taken() -> None:
    first, second = (Image.new("RGB", (100, 100), colour) for colour in ("white", "black"))
    content = encoded(first, "WEBP", save_all=True, append_images=[second])
    assert opened(prepared(content)).getpixel((50, 50)) == (255, 255, 255)


def header_only(width: int, height: int) -> bytes:
    """A PNG that says how large it is, and has next to nothing in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


GOOD = encoded(Image.effect_noise((200, 200), 50), "JPEG")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "not a JPEG, PNG or WebP", id="empty"),
        pytest.param(b"%PDF-1.7", "not a JPEG, PNG or WebP", id="pdf"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG, PNG or WebP", id="svg"),
        pytest.param(encoded(Image.new("RGB", (99, 99)), "GIF"), "not a JPEG, PNG or WebP", id="gif"),
        pytest.param(b"RIFF\0\0\0\0WAVE", "not a JPEG, PNG or WebP", id="wave"),
        pytest.param(b"\xff\xd8\xff and nothing", "broken", id="magic-only"),
        pytest.param(GOOD[: len(GOOD) // 2], "broken", id="cut"),
        pytest.param(header_only(100, 100), "broken", id="cut-png"),
        pytest.param(header_only(6000, 5000), "too many pixels", id="png-of-30-megapixels"),
        pytest.param(header_only(12_000, 9_000), "too many pixels", id="bomb-pillow-warns-of"),
        pytest.param(header_only(60_000, 60_000), "too many pixels", id="bomb"),
        pytest.param(encoded(Image.new("RGB", (49, 500)), "PNG"), "too small", id="small"),
    ],
)
def test_what_is_no_picture(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidImage) as raised:
        prepared(content)
    assert (raised.value.reason, raised.value.retryable) == (reason, False)


def test_the_size_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", len(GOOD) - 1)
    with pytest.raises(InvalidImage, match="too many bytes"):
        prepared(GOOD)


def test_the_limit_of_a_jpeg_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 200 * 200)
    monkeypatch.setattr(images, "MAX_PIXELS_WHOLE", 200 * 200 - 1)
    prepared(GOOD)
    with pytest.raises(InvalidImage, match="too many pixels"):
        prepared(encoded(opened(GOOD), "PNG"))
    monkeypatch.setattr(images, "MAX_PIXELS", 200 * 200 - 1)
    with pytest.raises(InvalidImage, match="too many pixels"):
        prepared(GOOD)


@given(flips=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=30))
def test_any_bytes_are_a_picture_or_refused(flips: list[tuple[int, int]]) -> None:
    content = bytearray(GOOD)
    for place, value in flips:
        content[place] = value
    try:
        jpeg = prepared(bytes(content))
    except InvalidImage:
        return
    opened(jpeg)


def test_a_place_is_not_waited_for_longer_than_the_run() -> None:
    images = Images()
    for _ in range(DECODERS):
        images._decoders.acquire()
    with pytest.raises(TimedOut):
        images.prepare(GOOD, deadline=Deadline(0.01))
    images._decoders.release()
    assert images.prepare(GOOD, deadline=Deadline(60))
    with pytest.raises(InvalidImage):
        images.prepare(GOOD[:1000], deadline=Deadline(60))
    assert images.prepare(GOOD, deadline=Deadline(60))  # the place is free again


def test_a_data_url() -> None:
    assert data_url(b"abc") == "data:image/jpeg;base64,YWJj"
