"""Pictures: every item has one, none is taken for another, also after somebody has encoded it once more."""

import io
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eco2_model_server.pictures import NotAPicture, item_of, nothing, open_picture, picture, tags_of

IDS = st.lists(st.from_regex(r"[a-z]{2,9}(-[a-z]{2,9}){0,2}", fullmatch=True), min_size=2, max_size=120, unique=True)
TAGS = ["내용물_남음", "라벨_미제거", "뚜껑_미분리", "이물질_묻음", "압착_안됨"]


def again(content: bytes, image_format: str = "JPEG", side: int | None = None) -> Image.Image:
    """What is left when a service encodes it, smaller if need be."""
    image = open_picture(content)
    buffer = io.BytesIO()
    (image.resize((side, side)) if side else image).save(buffer, image_format, quality=75)
    return open_picture(buffer.getvalue())


@given(ids=IDS, data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_picture_is_recognised_among_all(ids: list[str], data: st.DataObject) -> None:
    item = data.draw(st.sampled_from(ids))
    assert item_of(again(picture(item)), ids) == item
    assert item_of(again(picture(item)), [other for other in ids if other != item]) is None


@pytest.mark.parametrize("size", [64, 100, 256, 1200])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_any_size_and_format_will_do(size: int, image_format: Literal["JPEG", "PNG", "WEBP"]) -> None:
    content = picture("clear-pet-bottle", tags=TAGS[:2], size=size, image_format=image_format)
    assert Image.open(io.BytesIO(content)).format == image_format
    assert item_of(again(content), ["can", "clear-pet-bottle"]) == "clear-pet-bottle"
    assert tags_of(again(content), TAGS) == TAGS[:2]


def test_a_smaller_copy_shows_the_same() -> None:
    assert item_of(again(picture("can", size=1000), "WEBP", 64), ["bottle", "can"]) == "can"


def test_all_item_classes_are_told_apart() -> None:
    path = Path(__file__).parents[3] / "domains/_waste_rules/src/eco2_waste_rules/data/item_class_list.yaml"
    classes = yaml.safe_load(path.read_text())
    ids = [item["id"] for middles in classes.values() for items in middles.values() for item in items]
    assert len(ids) > 60
    assert [item_of(again(picture(item)), reversed(ids)) for item in ids] == ids


@pytest.mark.parametrize("number", range(5))
def test_tags_are_read_in_order(number: int) -> None:
    assert tags_of(again(picture("can", tags=TAGS[:number][:4])), TAGS) == TAGS[:number][:4]


def test_a_picture_of_nothing_shows_nothing() -> None:
    seen = open_picture(nothing())
    assert item_of(seen, ["can", "bottle"]) is None
    assert tags_of(seen, TAGS) == []
    assert tags_of(seen, []) == []


def test_variants_stay_different_and_show_the_same() -> None:
    contents = {picture("can", variant=variant) for variant in range(50)}
    assert len(contents) == 50
    encoded_again = {again(content).tobytes() for content in contents}
    assert len(encoded_again) == 50
    assert {item_of(again(content), ["bottle", "can"]) for content in contents} == {"can"}
    assert picture("can", variant=7) == picture("can", variant=7)


@pytest.mark.parametrize(("size", "tags"), [(63, []), (256, TAGS)], ids=["small", "tags"])
def test_what_cannot_be_drawn_is_refused(size: int, tags: list[str]) -> None:
    with pytest.raises(ValueError, match="64 pixels"):
        picture("can", size=size, tags=tags)


@pytest.mark.parametrize("content", [b"", b"no image", picture("can")[:300]], ids=["empty", "text", "cut"])
def test_what_is_no_picture_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        open_picture(content)
