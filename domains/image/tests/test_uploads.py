"""Uploads: begun, sent to a real S3 server, completed, seen and deleted by the user whose they are."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.s3 import BUCKET, S3
from support.services import identity, serve

from eco2_image.application import create_app
from eco2_image.media import MAX_BYTES
from eco2_image.settings import Settings
from eco2_service.pages import encode_cursor
from eco2_tasks.dispatch import Busy, InlineDispatcher
from eco2_tasks.runner import DatabaseDown

UPLOADS = "/api/v1/images/uploads"
CDN = "https://images.example.org/"
ID = "00000000-0000-4000-8000-000000000000"
OTHER = identity("user-2")


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{kind}"


def stored(s3: S3, url: str) -> Any:
    return s3.client.get_object(Bucket=BUCKET, Key=url.removeprefix(CDN))


@pytest.mark.parametrize("method", ["put", "post"])
@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
async def test_an_upload_becomes_an_image(
    client: httpx2.AsyncClient,
    s3: S3,
    picture: Callable[..., bytes],
    begin: Any,
    send: Any,
    method: str,
    kind: str,
    extension: str,
) -> None:
    data, content_type = picture(kind), f"image/{kind.lower()}"
    answer = await client.post(UPLOADS, json={"content_type": content_type, "size": len(data), "method": method})
    assert answer.status_code == 201, answer.text
    signed = answer.json()
    place = f"{UPLOADS}/{signed['id']}"
    assert (signed["state"], answer.headers["location"]) == ("pending", place)
    assert (await client.get(place)).json()["state"] == "pending"
    assert (await send(signed, data)).status_code in (200, 204)

    answer = await client.post(f"{place}/complete")

    assert answer.status_code == 200, answer.text
    image = answer.json()
    assert (image["state"], image["content_type"], image["reason"]) == ("ready", content_type, None)
    assert (image["width"], image["height"]) == (40, 30)
    assert image["url"].startswith(f"{CDN}images/")
    assert image["url"].endswith(f".{extension}")
    assert (await client.get(place)).json() == image
    found = stored(s3, image["url"])
    assert found["ContentType"] == content_type
    assert found["ContentLength"] == image["size"]
    assert found["ContentDisposition"] == "inline"
    assert found["CacheControl"] == "public, max-age=86400, immutable"


async def test_without_a_method_it_is_a_put(client: httpx2.AsyncClient, begin: Any) -> None:
    signed = await begin(client, 1000, "image/png")
    assert signed["method"] == "put"
    assert signed["headers"] == {"Content-Type": "image/png", "Content-Length": "1000"}
    assert signed["fields"] is None


async def test_complete_may_be_repeated(client: httpx2.AsyncClient, s3: S3, picture: Any, uploaded: Any) -> None:
    place = await uploaded(client, picture())
    first = (await client.post(f"{place}/complete")).json()
    answer = await client.post(f"{place}/complete")
    assert (answer.status_code, answer.json()) == (200, first)
    assert len(s3.keys("images/")) == 1


async def test_complete_may_be_asked_many_times_at_once(
    client: httpx2.AsyncClient, s3: S3, picture: Any, uploaded: Any
) -> None:
    place = await uploaded(client, picture(size=(800, 600)))
    answers = await asyncio.gather(*(client.post(f"{place}/complete") for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    bodies = [answer.json() for answer in answers if answer.status_code == 200]
    assert bodies
    assert all(body == bodies[0] for body in bodies)
    assert len(s3.keys("images/")) == 1


async def test_what_was_not_uploaded_is_not_complete(
    client: httpx2.AsyncClient, picture: Any, begin: Any, send: Any
) -> None:
    data = picture()
    signed = await begin(client, len(data))
    place = f"{UPLOADS}/{signed['id']}"
    assert_problem(await client.post(f"{place}/complete"), 409, "not-uploaded")
    assert (await client.get(place)).json()["state"] == "pending"
    await send(signed, data)
    assert (await client.post(f"{place}/complete")).status_code == 200


async def test_what_was_swept_a_moment_ago_is_rejected(
    client: httpx2.AsyncClient, picture: Any, uploaded: Any, sql: Any
) -> None:
    place = await uploaded(client, picture())
    sql("UPDATE image.doomed_objects SET attempts = 1")
    answer = await client.post(f"{place}/complete")
    assert_problem(answer, 409, "upload-rejected")
    assert answer.json()["reason"] == "expired"


@pytest.mark.parametrize("trouble", [Busy, DatabaseDown])
async def test_what_cannot_be_done_at_once_is_done_later(
    client: httpx2.AsyncClient,
    picture: Any,
    uploaded: Any,
    sql: Any,
    monkeypatch: pytest.MonkeyPatch,
    trouble: type[Exception],
) -> None:
    async def fail(*_arguments: object) -> None:
        raise trouble

    place = await uploaded(client, picture())
    with monkeypatch.context() as busy:
        busy.setattr(InlineDispatcher, "run", fail)
        answer = await client.post(f"{place}/complete")
        assert (answer.status_code, answer.headers["location"]) == (202, place)
    assert sql("SELECT due_at FROM image.doomed_objects") == [(None,)]  # however long it takes, it is not swept
    assert (await client.post(f"{place}/complete")).status_code == 200


async def test_what_is_no_image_is_rejected(client: httpx2.AsyncClient, s3: S3, uploaded: Any) -> None:
    place = await uploaded(client, b"<svg onload=alert(1)>")
    for _ in range(2):
        answer = await client.post(f"{place}/complete")
        assert_problem(answer, 409, "upload-rejected")
        assert answer.json()["reason"] == "type_not_allowed"
    found = (await client.get(place)).json()
    assert (found["state"], found["reason"], found["url"]) == ("rejected", "type_not_allowed", None)
    assert s3.keys("images/") == []


async def test_another_type_than_declared_is_rejected(client: httpx2.AsyncClient, picture: Any, uploaded: Any) -> None:
    place = await uploaded(client, picture("PNG"), "image/jpeg")
    answer = await client.post(f"{place}/complete")
    assert_problem(answer, 409, "upload-rejected")
    assert answer.json()["reason"] == "type_differs"


async def test_a_form_may_send_less_than_declared(
    client: httpx2.AsyncClient, picture: Any, begin: Any, send: Any
) -> None:
    data = picture()
    signed = await begin(client, len(data) + 5000, method="post")
    await send(signed, data)
    assert (await client.post(f"{UPLOADS}/{signed['id']}/complete")).status_code == 200


async def test_nobody_sees_the_uploads_of_others(client: httpx2.AsyncClient, picture: Any, uploaded: Any) -> None:
    place = await uploaded(client, picture())
    for method, path in (("GET", place), ("POST", f"{place}/complete"), ("DELETE", place)):
        assert_problem(await client.request(method, path, headers=OTHER), 404, "upload-unknown")
        assert_problem(await client.request(method, path.replace(place[-36:], ID)), 404, "upload-unknown")
    assert (await client.get(UPLOADS, headers=OTHER)).json()["items"] == []
    assert (await client.get(place)).json()["state"] == "pending"


async def test_who_is_not_signed_in_sees_nothing(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings())) as nobody:
        for method, path in (("POST", UPLOADS), ("GET", UPLOADS), ("GET", f"{UPLOADS}/{ID}")):
            assert_problem(await nobody.request(method, path), 401, "not-signed-in")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content_type": "image/gif", "size": 10},
        {"content_type": "image/svg+xml", "size": 10},
        {"content_type": "image/jpeg; charset=x", "size": 10},
        {"content_type": "image/jpeg", "size": 0},
        {"content_type": "image/jpeg", "size": MAX_BYTES + 1},
        {"content_type": "image/jpeg", "size": "10"},
        {"content_type": "image/jpeg", "size": True},
        {"content_type": "image/jpeg", "size": 10, "method": "patch"},
        {"content_type": "image/jpeg", "size": 10, "key": "images/mine"},
    ],
    ids=["empty", "gif", "svg", "parameter", "nothing", "too much", "text", "true", "method", "more"],
)
async def test_what_cannot_be_uploaded_is_a_problem(client: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    assert_problem(await client.post(UPLOADS, json=body), 422, "invalid-request")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_hold_each_upload_once_newest_first(client: httpx2.AsyncClient, begin: Any, limit: int) -> None:
    made = [(await begin(client, 10))["id"] for _ in range(3)]
    found: list[str] = []
    query: dict[str, str | int] = {"limit": limit}
    while True:
        page = (await client.get(UPLOADS, params=query)).json()
        assert len(page["items"]) <= limit
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == made[::-1]


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        encode_cursor({"id": ID}),
        encode_cursor({"created_at": "yesterday", "id": ID}),
        encode_cursor({"created_at": "0001-01-01T00:00:00+14:00", "id": ID}),
    ],
    ids=["none", "part", "no time", "before all time"],
)
async def test_a_cursor_of_another_list_is_a_problem(client: httpx2.AsyncClient, cursor: str) -> None:
    assert_problem(await client.get(UPLOADS, params={"cursor": cursor}), 404, "no-such-page")


async def test_the_url_of_an_image_says_nothing(client: httpx2.AsyncClient, picture: Any, complete: Any) -> None:
    data = picture()
    images = [await complete(client, data) for _ in range(2)]
    assert images[0]["url"] != images[1]["url"]
    for image in images:
        assert image["id"] not in image["url"]
        assert hashlib.sha256(data).hexdigest()[:8] not in image["url"]
