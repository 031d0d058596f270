"""The service on a real PostgreSQL and a real Redis, with the domains it asks and the model as real HTTP."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.model_server import model_process, model_server
from support.postgres import Postgres
from support.redis import Redis
from support.scan_peers import Peers, scan_peers
from support.services import SERVICE_TOKEN, identity, migrated_template, postgres, redis_process, redis_server, serve

from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer
from eco2_scan.application import create_app
from eco2_scan.settings import Settings

__all__ = ["model_process", "model_server", "postgres", "redis_process", "redis_server"]

CAN = "drink-can"
"""An item of the knowledge base."""
MakeSettings = Callable[..., Settings]
Sql = Callable[..., list[tuple[Any, ...]]]
Upload = Callable[..., str]


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema."""
    with migrated_template(postgres, "eco2_scan") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
def sql(postgres: Postgres, database_url: str) -> Sql:
    """Runs a statement in that database."""
    name = database_url.rsplit("/", 1)[1]
    return lambda statement, *arguments: postgres.execute(statement, *arguments, database=name)


@pytest.fixture
async def peers() -> AsyncIterator[Peers]:
    """The domains image and character."""
    async with scan_peers() as peers:
        yield peers


@pytest.fixture
def settings(
    database_url: str, redis_server: Redis, peers: Peers, model_server: RunningModelServer
) -> Iterator[MakeSettings]:
    """Makes settings for all of them. What failed is tried again soon, and the model once for each attempt.

    Rewards are asked for by requests alone, unless a test says how often the loop looks.
    """

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_server.url),
            "service_token": SecretStr(SERVICE_TOKEN),
            "image_url": peers.image_url,
            "character_url": peers.character_url,
            "openai_api_key": SecretStr(API_KEY),
            "openai_base_url": model_server.base_url,
            "openai_attempts": 1,
            "pipeline_cache_seconds": 0,
            "task_pause_seconds": 0.05,
            "reaper_seconds": 0.05,
            "reward_poll_seconds": 300,
        }
        return Settings(**values | changes)

    yield make
    model_server.release()  # or the service would wait for it at its end


@pytest.fixture
async def client(settings: MakeSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client: ``user-1``."""
    async with serve(create_app(settings()), headers=identity("user-1")) as client:
        yield client


@pytest.fixture
def upload(peers: Peers) -> Upload:
    """Has a user upload a photo of an item; by default ``user-1`` a can."""

    def upload(item: str = CAN, *, user_id: str = "user-1", tags: tuple[str, ...] = (), **changes: Any) -> str:
        return peers.upload(picture(item, tags=tags), user_id=user_id, content_type="image/jpeg", **changes)

    return upload
