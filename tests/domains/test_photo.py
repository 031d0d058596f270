"""A photo's way through the real domains: uploaded to image, classified by scan, rewarded by character, asked about in
chat, and gone everywhere when its user leaves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support import s3 as s3_server
from support.model_server import model_process, model_server
from support.postgres import Postgres
from support.redis import Redis
from support.s3 import S3
from support.services import SERVICE_TOKEN, identity, postgres, redis_process, redis_server, serve, service_token

from eco2_character.application import create_app as create_character
from eco2_character.settings import Settings as CharacterSettings
from eco2_chat.application import create_app as create_chat
from eco2_chat.settings import Settings as ChatSettings
from eco2_image.application import create_app as create_image
from eco2_image.settings import Settings as ImageSettings
from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer
from eco2_scan.application import create_app as create_scan
from eco2_scan.settings import Settings as ScanSettings
from eco2_service.migrations import upgrade

__all__ = ["model_process", "model_server", "postgres", "redis_process", "redis_server"]

CDN = "https://images.example.org"
ITEM = "drink-can"


@dataclass
class Domains:
    """Clients of a signed-in user, who also has the token of other domains."""

    image: httpx2.AsyncClient
    scan: httpx2.AsyncClient
    chat: httpx2.AsyncClient
    character: httpx2.AsyncClient


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server.running() as server:
        yield server


@pytest.fixture
async def domains(
    postgres: Postgres, redis_server: Redis, s3: S3, model_server: RunningModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Domains]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        url = stack.enter_context(postgres.database())
        for name in ("image", "scan", "chat", "character"):
            await asyncio.to_thread(upgrade, f"eco2_{name}", url)
        common: dict[str, Any] = {
            "database_url": SecretStr(url),
            "redis_url": SecretStr(redis_server.url),
            "service_token": SecretStr(SERVICE_TOKEN),
        }
        model = {"openai_api_key": SecretStr(API_KEY), "openai_base_url": model_server.base_url}

        async def start(app: Any) -> httpx2.AsyncClient:
            return await stack.enter_async_context(serve(app, headers=identity("user-1") | service_token()))

        store = {"s3_bucket": s3_server.BUCKET, "aws_endpoint_url": s3.url, "cdn_base_url": CDN}
        image = await start(create_image(ImageSettings(**common, **store)))
        character = await start(create_character(CharacterSettings(**common)))
        asked = {"image_url": str(image.base_url)}
        scan = await start(create_scan(ScanSettings(**common, **model, **asked, character_url=str(character.base_url))))
        chat = await start(create_chat(ChatSettings(**common, **model, **asked, cdn_base_url=CDN)))
        yield Domains(image, scan, chat, character)


async def upload(image: httpx2.AsyncClient, content: bytes) -> dict[str, Any]:
    """The completed upload, as image shows it."""
    begun = await image.post("/api/v1/images/uploads", json={"content_type": "image/jpeg", "size": len(content)})
    assert begun.status_code == 201, begun.text
    signed = begun.json()
    async with httpx2.AsyncClient(timeout=30) as browser:
        put = await browser.put(signed["url"], content=content, headers=signed["headers"])
    assert put.status_code == 200, put.text
    completed = await image.post(f"/api/v1/images/uploads/{signed['id']}/complete")
    assert completed.status_code == 200, completed.text
    ready: dict[str, Any] = completed.json()
    return ready


async def test_a_photo_is_uploaded_classified_rewarded_and_asked_about(domains: Domains) -> None:
    ready = await upload(domains.image, picture(ITEM))

    classified = await domains.scan.post("/api/v1/scan/classify", json={"image_id": ready["id"]})
    assert classified.status_code == 200, classified.text
    task = classified.json()
    assert task["result"]["vision"]["item_id"] == ITEM
    assert task["result"]["answer"]["rule_ids"]
    assert (task["reward"]["state"], task["reward"]["character"]["code"]) == ("given", "can")
    owned = await domains.character.get("/api/v1/internal/characters/owned", params={"user_id": "user-1"})
    assert "can" in {item["code"] for item in owned.json()["items"]}

    by_id = await domains.chat.post("/api/v1/chat", json={"message": "이거 어떻게 버려요?", "image_id": ready["id"]})
    by_url = await domains.chat.post("/api/v1/chat", json={"message": f"{ready['url']} 이거 어떻게 버려요?"})
    for answered in (by_id, by_url):
        assert answered.status_code == 200, answered.text
        assert (answered.json()["kind"], answered.json()["failed"]) == ("image", False)
        assert answered.json()["rules"]


async def test_a_photo_of_somebody_else_is_not_there(domains: Domains) -> None:
    ready = await upload(domains.image, picture(ITEM))
    other = identity("user-2")
    for client, path in ((domains.scan, "/api/v1/scan/classify"), (domains.chat, "/api/v1/chat")):
        body = {"image_id": ready["id"]} | ({"message": "이거 뭐예요?"} if client is domains.chat else {})
        assert (await client.post(path, json=body, headers=other)).status_code == 404


async def test_who_leaves_leaves_nothing(domains: Domains) -> None:
    ready = await upload(domains.image, picture(ITEM))
    task = (await domains.scan.post("/api/v1/scan/classify", json={"image_id": ready["id"]})).json()
    await domains.chat.post("/api/v1/chat", json={"message": "이거 어떻게 버려요?", "image_id": ready["id"]})
    for client in (domains.character, domains.chat, domains.scan, domains.image):
        for _again in range(2):
            assert (await client.delete("/api/v1/internal/users/user-1")).status_code == 204
    assert (await domains.scan.get(f"/api/v1/scan/task/{task['id']}")).status_code in {404, 410}
    assert (await domains.chat.get("/api/v1/chat/history")).json().get("items", []) == []
    assert (await domains.image.get(f"/api/v1/images/uploads/{ready['id']}")).status_code in {404, 410}
    again = await domains.scan.post("/api/v1/scan/classify", json={"image_id": ready["id"]})
    assert again.status_code in {404, 410}
