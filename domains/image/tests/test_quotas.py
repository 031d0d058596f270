"""How much a user may keep, and how often begin: also for many requests at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.services import identity, serve

from eco2_image.application import create_app
from eco2_image.media import MAX_BYTES
from eco2_image.settings import Settings

UPLOADS = "/api/v1/images/uploads"
BODY = {"content_type": "image/jpeg", "size": 1000}
Sql = Callable[..., list[tuple[Any, ...]]]


def statuses(answers: list[httpx2.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


async def test_a_user_begins_so_many_a_day_even_at_once(settings: Callable[..., Settings], sql: Sql) -> None:
    async with serve(create_app(settings(image_uploads_per_day=3)), headers=identity("user-1")) as client:
        answers = list(await asyncio.gather(*(client.post(UPLOADS, json=BODY) for _ in range(12))))
        assert statuses(answers) == [201] * 3 + [429] * 9
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["type"] == "/problems/rate-limited"
        assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
        assert (await client.post(UPLOADS, json=BODY, headers=identity("user-2"))).status_code == 201

        sql("UPDATE image.uploads SET created_at = created_at - interval '24 hours' WHERE user_id = 'user-1'")
        assert (await client.post(UPLOADS, json=BODY)).status_code == 201


async def test_deleting_does_not_give_the_day_back(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings(image_uploads_per_day=1)), headers=identity("user-1")) as client:
        place = (await client.post(UPLOADS, json=BODY)).headers["location"]
        assert (await client.delete(place)).status_code == 204
        assert (await client.get(place)).status_code == 404
        assert (await client.post(UPLOADS, json=BODY)).status_code == 429


async def test_a_user_keeps_so_much_even_at_once(settings: Callable[..., Settings]) -> None:
    """An upload that is not finished counts as the largest image: whatever it becomes, there is room for it."""
    limit = 3 * MAX_BYTES
    async with serve(create_app(settings(image_bytes_per_user=limit)), headers=identity("user-1")) as client:
        answers = list(await asyncio.gather(*(client.post(UPLOADS, json=BODY) for _ in range(12))))
        assert statuses(answers) == [201] * 3 + [409] * 9
        problem = next(answer for answer in answers if answer.status_code == 409).json()
        assert (problem["type"], problem["used"], problem["limit"]) == ("/problems/quota-exceeded", limit, limit)
        assert (await client.post(UPLOADS, json=BODY, headers=identity("user-2"))).status_code == 201


async def test_an_image_counts_as_much_as_it_has(
    settings: Callable[..., Settings], complete: Any, picture: Callable[..., bytes]
) -> None:
    limit = MAX_BYTES + 500
    async with serve(create_app(settings(image_bytes_per_user=limit)), headers=identity("user-1")) as client:
        images = []
        while (answer := await client.post(UPLOADS, json=BODY)).status_code == 201:
            assert (await client.delete(answer.headers["location"])).status_code == 204  # it would take all the room
            images.append(await complete(client, picture("PNG", (60, 60)), "image/png"))
        used = sum(image["size"] for image in images)
        assert answer.json()["used"] == used
        assert used <= limit < used + MAX_BYTES
        assert (await client.delete(f"{UPLOADS}/{images[0]['id']}")).status_code == 204
        assert (await client.post(UPLOADS, json=BODY)).status_code == 201


@pytest.mark.parametrize("data", [b"no image", b"\xff\xd8\xff no image either"], ids=["text", "nearly"])
async def test_what_is_rejected_counts_nothing(settings: Callable[..., Settings], uploaded: Any, data: bytes) -> None:
    async with serve(create_app(settings(image_bytes_per_user=MAX_BYTES)), headers=identity("user-1")) as client:
        for _ in range(3):
            assert (await client.post(f"{await uploaded(client, data)}/complete")).status_code == 409
