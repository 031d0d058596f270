"""Uploads and users that are deleted take their objects with them, sooner or later."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.aio import becomes
from support.s3 import S3, running
from support.services import identity, serve, service_token

from eco2_image.application import create_app
from eco2_image.settings import Settings

UPLOADS = "/api/v1/images/uploads"
USER = "/api/v1/internal/users/user-1"
OTHER = identity("user-2")
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize("times", [1, 2])
async def test_a_deleted_user_leaves_nothing(
    client: httpx2.AsyncClient, s3: S3, sql: Sql, picture: Any, begin: Any, send: Any, complete: Any, times: int
) -> None:
    data = picture()
    await complete(client, data)
    signed = await begin(client, len(data))
    await send(signed, data)
    theirs = await complete_as(client, OTHER, data)
    for _ in range(times):
        assert (await client.delete(USER)).status_code == 204
    assert (await client.get(UPLOADS)).json()["items"] == []
    await becomes(lambda: s3.keys() == [theirs.removeprefix("https://images.example.org/")])
    assert sql("SELECT count(*) FROM image.uploads WHERE user_id = 'user-1'") == [(0,)]
    assert sql("SELECT count(*) FROM image.tasks WHERE user_id = 'user-1'") == [(0,)]


async def complete_as(client: httpx2.AsyncClient, headers: dict[str, str], data: bytes) -> str:
    new = {"content_type": "image/jpeg", "size": len(data)}
    signed = (await client.post(UPLOADS, json=new, headers=headers)).json()
    async with httpx2.AsyncClient() as anybody:
        await anybody.put(signed["url"], content=data, headers=signed["headers"])
    answer = await client.post(f"{UPLOADS}/{signed['id']}/complete", headers=headers)
    url: str = answer.json()["url"]
    return url


async def test_what_comes_later_for_a_deleted_user_is_refused(
    client: httpx2.AsyncClient, picture: Any, begin: Any, send: Any, s3: S3
) -> None:
    data = picture()
    signed = await begin(client, len(data))
    await client.delete(USER)
    answer = await client.post(UPLOADS, json={"content_type": "image/jpeg", "size": 10})
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/user-deleted")
    assert (await send(signed, data)).status_code == 200  # S3 knows nothing of it
    assert (await client.post(f"{UPLOADS}/{signed['id']}/complete")).status_code == 404
    assert len(s3.keys("raw/")) == 1


async def test_what_is_written_after_all_is_deleted_when_its_url_has_ended(
    client: httpx2.AsyncClient, picture: Any, begin: Any, send: Any, s3: S3, sql: Sql
) -> None:
    """The URL holds on, whatever becomes of the upload: its key is kept until nobody can write it any more."""
    data = picture()
    signed = await begin(client, len(data))
    await send(signed, data)
    await client.post(f"{UPLOADS}/{signed['id']}/complete")
    await becomes(lambda: s3.keys("raw/") == [])
    assert (await send(signed, data)).status_code == 200
    assert len(s3.keys("raw/")) == 1
    await becomes(lambda: sql("SELECT due_at = until AND until > now() FROM image.doomed_objects") == [(True,)])

    sql("UPDATE image.doomed_objects SET due_at = now(), until = now()")
    await client.delete(f"{UPLOADS}/{signed['id']}")  # wakes the sweeper
    await becomes(lambda: s3.keys() == [])
    await becomes(lambda: sql("SELECT * FROM image.doomed_objects") == [])


async def test_deleting_goes_on_when_the_storage_is_back(
    settings: Callable[..., Settings], use_s3: Callable[[S3], None], sql: Sql, picture: Any, complete: Any
) -> None:
    with running() as s3:
        use_s3(s3)
        changed = settings(aws_endpoint_url=s3.url, image_sweep_seconds=0.05)
        headers = identity("user-1") | service_token()
        async with serve(create_app(changed), headers=headers) as client:
            await complete(client, picture())
            await becomes(lambda: s3.keys("raw/") == [])
            s3.kill()
            assert (await client.delete(USER)).status_code == 204
            await becomes(lambda: sql("SELECT 1 FROM image.doomed_objects WHERE attempts > 0 AND key LIKE 'images/%'"))
            assert len(list((s3.folder / "buckets").glob("*/images/*"))) == 1
            s3.start()
            sql("UPDATE image.doomed_objects SET due_at = now() WHERE key LIKE 'images/%'")
            await becomes(lambda: s3.keys() == [])
            await becomes(lambda: sql("SELECT 1 FROM image.doomed_objects WHERE key LIKE 'images/%'") == [])


async def test_a_deleted_upload_is_gone(
    client: httpx2.AsyncClient, s3: S3, picture: Any, complete: Any, begin: Any
) -> None:
    image = await complete(client, picture())
    pending = await begin(client, 10)
    for upload in (image, pending):
        place = f"{UPLOADS}/{upload['id']}"
        answer = await client.delete(place)
        assert (answer.status_code, answer.content) == (204, b"")
        for method, path in (("GET", place), ("DELETE", place), ("POST", f"{place}/complete")):
            assert (await client.request(method, path)).status_code == 404
        for suffix in ("", "/content"):
            path = f"/api/v1/internal/images/{upload['id']}{suffix}"
            assert (await client.get(path, params={"user_id": "user-1"})).status_code == 404
    asked = {"url": image["url"], "user_id": "user-1"}
    assert (await client.get("/api/v1/internal/images", params=asked)).status_code == 404
    await becomes(lambda: s3.keys() == [])
