"""What other domains ask: images of a user by id, by any spelling of their address, and their bytes."""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from support.s3 import BUCKET, REGION, S3
from support.services import identity, serve, service_token

from eco2_image.application import create_app
from eco2_image.settings import Settings

IMAGES = "/api/v1/internal/images"
UPLOADS = "/api/v1/images/uploads"
MINE, THEIRS = {"user_id": "user-1"}, {"user_id": "user-2"}
ID = "00000000-0000-4000-8000-000000000000"


def assert_problem(answer: httpx2.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"/problems/{kind}"


async def test_an_image_and_its_bytes(client: httpx2.AsyncClient, picture: Any, complete: Any) -> None:
    image = await complete(client, picture())
    found = (await client.get(f"{IMAGES}/{image['id']}", params=MINE)).json()
    content = await client.get(f"{IMAGES}/{image['id']}/content", params=MINE)
    assert found == {
        "id": image["id"],
        "state": "ready",
        "content_type": "image/jpeg",
        "size": image["size"],
        "sha256": hashlib.sha256(content.content).hexdigest(),
        "width": 40,
        "height": 30,
        "url": image["url"],
    }
    assert len(content.content) == image["size"]
    assert content.headers["content-type"] == "image/jpeg"
    assert content.headers["etag"] == f'"{found["sha256"]}"'
    assert content.headers["x-content-type-options"] == "nosniff"


async def test_bytes_that_are_known_are_not_sent_again(
    client: httpx2.AsyncClient, picture: Any, complete: Any, s3: S3
) -> None:
    place = f"{IMAGES}/{(await complete(client, picture()))['id']}/content"
    etag = (await client.get(place, params=MINE)).headers["etag"]
    s3.empty()
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = await client.get(place, params=MINE, headers={"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag), known
    for other in ('"x"', f'"x{etag}x"', etag.strip('"')):
        assert_problem(await client.get(place, params=MINE, headers={"if-none-match": other}), 404, "image-unknown")


async def test_an_image_by_any_spelling_of_its_address(
    client: httpx2.AsyncClient, picture: Any, complete: Any, s3: S3
) -> None:
    image = await complete(client, picture())
    key = image["url"].removeprefix("https://images.example.org/")
    for url in (
        image["url"],
        f"http://IMAGES.example.org.:80/{key}?width=100#x",
        f"{s3.url}/{BUCKET}/{key}",
        image["url"].replace("images/", "image%73/"),
    ):
        answer = await client.get(IMAGES, params={"url": url, **MINE})
        assert (answer.status_code, answer.json()["id"]) == (200, image["id"]), url
        assert_problem(await client.get(IMAGES, params={"url": url, **THEIRS}), 404, "image-unknown")


@pytest.mark.parametrize(
    "url",
    [
        "https://images.example.org/images/0123456789abcdef0123456789abcdef.jpg",
        "https://evil.example/images/0123456789abcdef0123456789abcdef.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "x",
        "\x00",
    ],
    ids=["unknown", "foreign", "metadata", "none", "nul"],
)
async def test_an_address_that_is_not_ours_is_unknown(client: httpx2.AsyncClient, url: str) -> None:
    assert_problem(await client.get(IMAGES, params={"url": url, **MINE}), 404, "image-unknown")


async def test_nobody_gets_the_images_of_others(client: httpx2.AsyncClient, picture: Any, complete: Any) -> None:
    image = await complete(client, picture())
    for path in (f"{IMAGES}/{image['id']}", f"{IMAGES}/{image['id']}/content"):
        assert_problem(await client.get(path, params=THEIRS), 404, "image-unknown")
        assert_problem(await client.get(path.replace(image["id"], ID), params=MINE), 404, "image-unknown")
        assert (await client.get(path)).status_code == 422


async def test_what_is_not_ready_is_a_conflict(client: httpx2.AsyncClient, begin: Any, uploaded: Any) -> None:
    pending = (await begin(client, 10))["id"]
    rejected = await uploaded(client, b"no image")
    await client.post(f"{rejected}/complete")
    for image_id, state, reason in ((pending, "pending", None), (rejected[-36:], "rejected", "type_not_allowed")):
        for path in (f"{IMAGES}/{image_id}", f"{IMAGES}/{image_id}/content"):
            answer = await client.get(path, params=MINE)
            assert_problem(answer, 409, "image-not-ready")
            assert (answer.json()["state"], answer.json()["reason"]) == (state, reason)


async def test_only_other_domains_may_ask(settings: Callable[..., Settings]) -> None:
    async with serve(create_app(settings()), headers=identity("user-1")) as user:
        for method, path in (
            ("GET", f"{IMAGES}/{ID}?user_id=user-1"),
            ("GET", f"{IMAGES}/{ID}/content?user_id=user-1"),
            ("GET", f"{IMAGES}?user_id=user-1&url=x"),
            ("DELETE", "/api/v1/internal/users/user-1"),
        ):
            assert_problem(await user.request(method, path), 401, "no-service-token")
            wrong = service_token("another-token-0123456789")
            assert_problem(await user.request(method, path, headers=wrong), 401, "no-service-token")


def test_the_region_of_the_tests_is_the_default() -> None:
    assert Settings.model_fields["aws_region"].default == REGION
