"""What the service says while S3 does not answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
from support.aio import becomes
from support.s3 import S3, running
from support.services import identity, serve, service_token

from eco2_image.application import create_app
from eco2_image.errors import StorageUnavailable
from eco2_image.settings import Settings
from eco2_image.storage import Storage

UPLOADS = "/api/v1/images/uploads"


def assert_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "/problems/storage-unavailable"
    assert answer.headers["retry-after"]


async def test_without_storage_it_says_so_and_goes_on_when_it_is_back(
    settings: Callable[..., Settings], use_s3: Callable[[S3], None], picture: Any, uploaded: Any, complete: Any
) -> None:
    with running() as s3:
        use_s3(s3)
        headers = identity("user-1") | service_token()
        async with serve(create_app(settings(aws_endpoint_url=s3.url)), headers=headers) as client:
            image = await complete(client, picture())
            place = await uploaded(client, picture())
            content = f"/api/v1/internal/images/{image['id']}/content?user_id=user-1"
            s3.kill()
            assert (await client.get("/ready")).status_code == 200
            assert (await client.post(UPLOADS, json={"content_type": "image/png", "size": 9})).status_code == 201
            assert_unavailable(await client.post(f"{place}/complete"))
            assert_unavailable(await client.get(content))
            assert (await client.get(place)).json()["state"] == "pending"
            assert 'dependency="s3",result="error"' in (await client.get("/metrics/status")).text
            s3.start()
            assert (await client.get(content)).status_code == 200
            assert (await client.post(f"{place}/complete")).status_code == 200


async def test_storage_that_fails_after_the_first_look_delays_the_image(
    settings: Callable[..., Settings], picture: Any, uploaded: Any, monkeypatch: Any
) -> None:
    """The upload is accepted by then: the reaper tries again, and who asked is told where to look."""
    write, failures = Storage.write, []

    def fail_once(storage: Storage, *arguments: Any) -> None:
        if not failures:
            failures.append(arguments)
            raise StorageUnavailable("InternalError")
        write(storage, *arguments)

    monkeypatch.setattr(Storage, "write", fail_once)
    chosen = settings(task_pause_seconds=0.1, reaper_seconds=0.1)
    async with serve(create_app(chosen), headers=identity("user-1")) as client:
        place = await uploaded(client, picture())
        answer = await client.post(f"{place}/complete")
        assert (answer.status_code, answer.headers["location"]) == (202, place)
        assert answer.json()["state"] == "processing"

        async def is_ready() -> bool:
            found: bool = (await client.get(place)).json()["state"] == "ready"
            return found

        await _until(is_ready)
        assert (await client.post(f"{place}/complete")).status_code == 200


async def _until(check: Any) -> None:
    found = asyncio.Event()

    async def ask() -> None:
        while not await check():
            pass
        found.set()

    task = asyncio.create_task(ask())
    await becomes(found.is_set)
    await task
