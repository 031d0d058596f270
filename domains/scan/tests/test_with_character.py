"""With the domain character itself: what scan sends is what it takes, and what it says is understood."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.services import SERVICE_TOKEN, identity, serve

from eco2_character.application import create_app as create_character
from eco2_character.settings import Settings as CharacterSettings
from eco2_scan.application import create_app
from eco2_scan.settings import Settings
from eco2_service.migrations import upgrade

Upload = Callable[..., str]


@pytest.fixture
async def client(settings: Callable[..., Settings], database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client. Character has its schema in the same database."""
    await asyncio.to_thread(upgrade, "eco2_character", database_url)
    token = SecretStr(SERVICE_TOKEN)
    character = CharacterSettings(database_url=SecretStr(database_url), service_token=token)
    async with serve(create_character(character)) as there:
        url = str(there.base_url)
        async with serve(create_app(settings(character_url=url)), headers=identity("user-1")) as client:
            yield client


async def classify(client: httpx2.AsyncClient, image: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/scan/classify", json={"image_id": image})
    assert answer.status_code == 200, answer.text
    reward: dict[str, Any] = answer.json()["reward"]
    return reward


async def test_an_item_earns_its_character_once(client: httpx2.AsyncClient, upload: Upload) -> None:
    first = await classify(client, upload())
    assert (first["state"], first["reason"], first["character"]["code"]) == ("given", None, "can")
    second = await classify(client, upload())
    assert (second["state"], second["reason"], second["character"]["code"]) == ("none", "already_owned", "can")


@pytest.mark.parametrize(
    ("item", "tags", "reason"),
    [
        ("drink-can", ("contents-left",), "insufficiencies_present"),
        ("diaper-pad", (), "no_match"),
    ],
)
async def test_why_nothing_is_earned(
    client: httpx2.AsyncClient, upload: Upload, item: str, tags: tuple[str, ...], reason: str
) -> None:
    reward = await classify(client, upload(item, tags=tags))
    assert reward == {"state": "none", "character": None, "reason": reason}
