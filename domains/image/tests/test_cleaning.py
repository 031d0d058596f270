"""Pixels, and nothing else of the file; nothing large is decoded, and nothing that moves."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from eco2_image import cleaning
from eco2_image.cleaning import Cleaned, clean
from eco2_image.media import MAX_PIXELS, Media, sniff
from eco2_image.rejection import Rejected, Rejection
from eco2_image.webp import webp_header

KINDS = {"JPEG": Media.JPEG, "PNG": Media.PNG, "WEBP": Media.WEBP}
SECRET = b"a secret place"
ORIENTATION = 0x0112


def opened(cleaned: Cleaned) -> Image.Image:
    return Image.open(io.BytesIO(cleaned.data))


def refused(data: bytes, media: Media) -> Rejection:
    with pytest.raises(Rejected) as caught:
        clean(data, media)
    return caught.value.reason


def exif(**more: Any) -> Image.Exif:
    """What a camera writes down: where it was, who held it, which way it was held."""
    tags = Image.Exif()
    tags[0x010E] = SECRET.decode()
    tags[0x0110] = "Camera of somebody"
    tags.get_ifd(0x8825).update({1: "N", 2: (37.0, 33.0, 59.0), 3: "E", 4: (126.0, 58.0, 41.0)})
    for name, value in more.items():
        tags[{"orientation": ORIENTATION}[name]] = value
    return tags


@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
def test_a_plain_picture_stays_what_it_is(picture: Callable[..., bytes], kind: str, media: Media) -> None:
    cleaned = clean(picture(kind, (64, 48), color=(10, 200, 30)), media)
    found = opened(cleaned)
    assert (found.format, found.size, found.mode) == (kind, (64, 48), "RGB")
    assert (cleaned.media, cleaned.width, cleaned.height) == (media, 64, 48)
    assert cleaned.sha256 == hashlib.sha256(cleaned.data).hexdigest()
    assert all(abs(one - other) < 8 for one, other in zip(found.getpixel((5, 5)), (10, 200, 30), strict=True))


@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
def test_nothing_of_the_file_is_left_but_pixels(picture: Callable[..., bytes], kind: str, media: Media) -> None:
    options: dict[str, Any] = {"exif": exif(), "icc_profile": b"profile of " + SECRET}
    if kind == "JPEG":
        options |= {"comment": SECRET, "xmp": b"<x:xmpmeta>" + SECRET}
    elif kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options |= {"pnginfo": text, "dpi": (72, 72)}
    else:
        options |= {"xmp": b"<x:xmpmeta>" + SECRET}
    data = picture(kind, **options) + b"<script>" + SECRET
    assert data.count(SECRET) >= 3
    cleaned = clean(data, media)
    assert SECRET not in cleaned.data
    assert b"Camera" not in cleaned.data
    found = opened(cleaned)
    found.load()
    assert dict(found.getexif()) == {}
    assert found.getexif().get_ifd(0x8825) == {}
    assert set(found.info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
        "progressive",
        "progression",
        "background",
        "loop",
        "duration",
        "timestamp",
    }
    assert found.info.get("icc_profile") is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
def test_a_picture_is_turned_as_the_camera_was_held(kind: str, media: Media, orientation: int) -> None:
    drawn = Image.new("RGB", (60, 40), (255, 255, 255))
    drawn.paste((255, 0, 0), (0, 0, 20, 10))
    target = io.BytesIO()
    drawn.save(target, kind, exif=exif(orientation=orientation))
    drawn.getexif()[ORIENTATION] = orientation
    expected = ImageOps.exif_transpose(drawn)
    found = opened(clean(target.getvalue(), media)).convert("RGB")
    assert found.size == expected.size
    for at in [(3, 3), (found.width - 4, 3), (3, found.height - 4), (found.width - 4, found.height - 4)]:
        wanted = expected.getpixel(at)
        assert all(abs(one - other) < 30 for one, other in zip(found.getpixel(at), wanted, strict=True)), at


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_every_mode_of_png_is_readable_afterwards(picture: Callable[..., bytes], mode: str) -> None:
    color = {"L": 100, "LA": (100, 128), "RGBA": (100, 100, 100, 128), "P": 100, "1": 1, "I;16": 25700}[mode]
    found = opened(clean(picture("PNG", mode=mode, color=color), Media.PNG))
    assert found.mode in ("L", "RGB", "RGBA")
    wanted = 255 if mode == "1" else 100
    pixel = found.getpixel((0, 0))
    assert (pixel if isinstance(pixel, int) else pixel[0]) == wanted
    if mode in ("LA", "RGBA"):
        assert pixel[3] == 128


def test_a_palette_may_have_a_transparent_colour(picture: Callable[..., bytes]) -> None:
    found = opened(clean(picture("PNG", mode="P", color=7, transparency=7), Media.PNG))
    assert (found.mode, found.getpixel((0, 0))[3]) == ("RGBA", 0)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_every_mode_of_jpeg_is_readable_afterwards(picture: Callable[..., bytes], mode: str) -> None:
    color = 100 if mode == "L" else (0, 0, 0, 155)
    found = opened(clean(picture(mode=mode, color=color), Media.JPEG)).convert("RGB")
    assert all(abs(value - 100) < 6 for value in found.getpixel((0, 0)))


def test_a_photo_with_a_second_picture_behind_it_is_no_animation() -> None:
    first, second = Image.new("RGB", (40, 30), (255, 0, 0)), Image.new("RGB", (20, 15))
    target = io.BytesIO()
    first.save(target, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(target.getvalue())).n_frames == 2
    cleaned = clean(target.getvalue(), Media.JPEG)
    found = opened(cleaned)
    assert (found.format, found.size) == ("JPEG", (40, 30))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_moves_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 100, 200)]
    target = io.BytesIO()
    frames[0].save(target, kind, save_all=True, append_images=frames[1:], duration=100)
    assert refused(target.getvalue(), KINDS[kind]) is Rejection.ANIMATED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg/>",
        b"GIF89a" + bytes(100),
        b"BM" + bytes(100),
        b"\x00\x00\x00\x1cftypavif",
        b"RIFF1234WAVEfmt ",
        b"%PDF-1.7",
    ],
    ids=["nothing", "svg", "gif", "bmp", "avif", "wav", "pdf"],
)
def test_other_types_are_refused(data: bytes) -> None:
    assert sniff(data) is None
    assert refused(data, Media.JPEG) is Rejection.TYPE_NOT_ALLOWED


@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
def test_another_type_than_declared_is_refused(picture: Callable[..., bytes], kind: str, media: Media) -> None:
    for other in set(Media) - {media}:
        assert refused(picture(kind), other) is Rejection.TYPE_DIFFERS


def test_a_gif_that_begins_like_a_jpeg_is_no_image(picture: Callable[..., bytes]) -> None:
    assert refused(b"\xff\xd8\xff" + picture("GIF"), Media.JPEG) is Rejection.UNREADABLE


def png(width: int, height: int) -> bytes:
    """A file of some hundred bytes that says it has so many pixels, and nearly has."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg(picture: Callable[..., bytes], width: int, height: int) -> bytes:
    data = bytearray(picture())
    at = data.index(b"\xff\xc0") + 5  # baseline SOF: length, precision, height, width
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    """The extended format, with a canvas and one frame that is none."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x00\x00\x00\x00" + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def test_a_bomb_is_refused_before_it_is_decoded(picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    bombs = [
        (png(50_000, 50_000), Media.PNG),
        (jpeg(picture, 65_000, 65_000), Media.JPEG),
        (webp(16_383, 16_383), Media.WEBP),
    ]

    def never(*_arguments: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(Image.Image, "load", never)
    monkeypatch.setattr(ImageOps, "exif_transpose", never)
    for data, media in bombs:
        assert refused(data, media) is Rejection.TOO_MANY_PIXELS


def scans(picture: Callable[..., bytes], count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: a decoder goes over the whole image for each."""
    data = picture(progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * (count - data.count(b"\xff\xda")) + data[end:]


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(
    picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clean(scans(picture, 100), Media.JPEG).width == 40

    files = [scans(picture, count) for count in (101, 300)]
    # Not an exception: cleaning takes any for a damaged file.
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was decoded"))
    assert [refused(data, Media.JPEG) for data in files] == [Rejection.UNREADABLE] * 2


def test_the_limit_of_pixels_is_exact(picture: Callable[..., bytes]) -> None:
    assert MAX_PIXELS == 5000 * 5000
    assert refused(png(5000, 5001), Media.PNG) is Rejection.TOO_MANY_PIXELS
    assert clean(picture("PNG", (5000, 5000), mode="L"), Media.PNG).width == 5000


@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
def test_half_a_file_is_no_image(picture: Callable[..., bytes], kind: str, media: Media) -> None:
    data = picture(kind, (400, 300), color=(1, 2, 3))
    assert refused(data[: len(data) // 2], media) is Rejection.UNREADABLE


def test_a_webp_that_begins_with_another_part_is_no_image() -> None:
    assert refused(b"RIFF\x00\x00\x00\x00WEBPVP8?" + bytes(40), Media.WEBP) is Rejection.UNREADABLE


def test_what_is_larger_than_an_image_may_be_is_refused(
    picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture("PNG", (64, 64))
    monkeypatch.setattr(cleaning, "MAX_BYTES", 50)
    assert refused(data, Media.PNG) is Rejection.TOO_LARGE


def test_no_memory_is_our_fault(picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageOps, "exif_transpose", full)
    with pytest.raises(MemoryError):
        clean(picture(), Media.JPEG)


def test_many_threads_do_not_disturb_each_other(picture: Callable[..., bytes]) -> None:
    with ThreadPoolExecutor(8) as pool:
        sizes = [(number + 10, 20) for number in range(40)]
        found = list(pool.map(lambda size: clean(picture("PNG", size), Media.PNG), sizes))
    assert [(one.width, one.height) for one in found] == sizes


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@given(width=st.integers(1, 300), height=st.integers(1, 300))
def test_the_header_of_webp_says_what_the_decoder_says(lossless: bool, mode: str, width: int, height: int) -> None:
    target = io.BytesIO()
    Image.new(mode, (width, height), 1).save(target, "WEBP", lossless=lossless)
    header = webp_header(target.getvalue())
    assert header is not None
    assert (header.width, header.height, header.animated) == (width, height, False)


@given(data=st.binary(max_size=64), kind=st.sampled_from([b"VP8 ", b"VP8L", b"VP8X", b"ALPH"]))
def test_whatever_a_header_holds_reading_it_does_not_fail(data: bytes, kind: bytes) -> None:
    header = webp_header(b"RIFF\x00\x00\x00\x00WEBP" + kind + data)
    assert header is None or (header.width >= 0 and header.height >= 0)


@pytest.mark.parametrize(("kind", "media"), KINDS.items(), ids=list(KINDS))
@given(data=st.data())
def test_a_damaged_file_is_an_image_or_refused(kind: str, media: Media, data: st.DataObject) -> None:
    target = io.BytesIO()
    Image.radial_gradient("L").resize((48, 32)).convert("RGB").save(target, kind, exif=exif(orientation=6))
    damaged = bytearray(target.getvalue())
    for at in data.draw(st.lists(st.integers(12, len(damaged) - 1), max_size=6)):
        damaged[at] = data.draw(st.integers(0, 255))
    try:
        cleaned = clean(bytes(damaged), media)
    except Rejected:
        return
    assert opened(cleaned).size == (cleaned.width, cleaned.height)
    assert SECRET not in cleaned.data
