"""The key of hashes: made once, then kept."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from eco2_operator.errors import Conflict, SettingsError, Unavailable
from eco2_operator.hash_key import KEY_BYTES, read_or_create
from eco2_operator.kinds import Kind
from eco2_operator.naming import Manifest


@dataclass
class Secrets:
    """One namespace; every request gives the others a turn."""

    stored: dict[str, Manifest] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    down: bool = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("no answer")
        return self.stored.get(name)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        await asyncio.sleep(0)
        name = manifest["metadata"]["name"]
        if name in self.stored:
            raise Conflict("exists")
        self.created.append(name)
        self.stored[name] = manifest
        return manifest


async def test_it_is_random_made_once_and_the_same_for_all_that_start_together() -> None:
    secrets = Secrets()
    keys = set(await asyncio.gather(*(read_or_create(secrets, "ops", "key") for _ in range(3))))
    assert len(keys) == 1
    assert len(keys.pop()) == KEY_BYTES
    assert secrets.created == ["key"]
    assert await read_or_create(Secrets(), "ops", "key") != await read_or_create(secrets, "ops", "key")


async def test_the_key_of_an_existing_secret_is_taken_as_it_is() -> None:
    secrets = Secrets({"key": {"data": {"key": "b3Vycw==", "other": "eA=="}}})
    assert await read_or_create(secrets, "ops", "key") == b"ours"
    assert not secrets.created


@pytest.mark.parametrize("data", [None, {}, {"key": ""}, {"other": "eA=="}, {"key": "%%%"}])
async def test_a_secret_without_a_key_is_not_changed_and_said(data: Any) -> None:
    secrets = Secrets({"key": {"data": data}})
    with pytest.raises(SettingsError, match="Secret ops/key has no 'key': put a random value"):
        await read_or_create(secrets, "ops", "key")
    assert not secrets.created


async def test_an_api_server_that_does_not_answer_is_another_matter() -> None:
    with pytest.raises(Unavailable):
        await read_or_create(Secrets(down=True), "ops", "key")
