"""The service as a process, without a broker: killed in the middle, ended in order, and what it writes."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from support.aio import becomes
from support.s3 import S3
from support.services import SERVICE_TOKEN, identity, service_token

from eco2_image.settings import Settings

UPLOADS = "/api/v1/images/uploads"
Sql = Callable[..., list[tuple[Any, ...]]]


async def test_an_upload_survives_the_service_that_was_at_it(
    settings: Callable[..., Settings],
    start: Any,
    accept: Callable[[str], None],
    s3: S3,
    sql: Sql,
    picture: Any,
    uploaded: Any,
) -> None:
    chosen = settings(task_lease_seconds=3, reaper_seconds=0.3)
    first = start("serve", chosen)
    async with httpx2.AsyncClient(base_url=first.url, headers=identity("user-1"), timeout=30) as client:
        place = await uploaded(client, picture())
        with s3.paused():
            accept(place)
            await becomes(lambda: sql("SELECT attempts, finished_at FROM image.tasks") == [(1, None)])
            first.kill()
    second = start("serve", chosen)
    await becomes(lambda: sql("SELECT state FROM image.uploads") == [("ready",)])
    async with httpx2.AsyncClient(base_url=second.url, headers=identity("user-1"), timeout=30) as client:
        answer = await client.post(f"{place}/complete")
        assert (answer.status_code, answer.json()["state"]) == (200, "ready")
    assert len(s3.keys("images/")) == 1
    assert await asyncio.to_thread(second.stop) == 0


async def test_its_log_says_which_types_came_and_nothing_that_could_be_used(
    settings: Callable[..., Settings], start: Any, s3: S3, picture: Any, begin: Any, send: Any
) -> None:
    program = start("serve", settings())
    headers = identity("user-1") | service_token()
    async with httpx2.AsyncClient(base_url=program.url, headers=headers, timeout=30) as client:
        for method, data in (("put", picture("PNG")), ("post", picture())):
            signed = await begin(client, len(data), "image/jpeg", method=method)
            await send(signed, data)
            await client.post(f"{UPLOADS}/{signed['id']}/complete")
            secrets = [s3.secret_key, s3.access_key, SERVICE_TOKEN]
            if method == "put":
                secrets += parse_qs(urlsplit(signed["url"]).query)["X-Amz-Signature"]
            else:
                secrets += [signed["fields"]["policy"], signed["fields"]["x-amz-signature"]]
            text = program.log.read_text()
            assert not [secret for secret in secrets if secret in text]
    assert await asyncio.to_thread(program.stop) == 0
    lines = [json.loads(line) for line in program.log.read_text().splitlines()]
    checked = [line for line in lines if "declared_type" in line]
    assert [(line["level"], line["declared_type"], line["stored_type"], line["found_type"]) for line in checked] == [
        ("warning", "image/jpeg", "image/jpeg", "image/png"),
        ("info", "image/jpeg", "image/jpeg", "image/jpeg"),
    ]
