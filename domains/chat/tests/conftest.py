"""The service on a real PostgreSQL, a real Redis and the local model server, beside a domain image on a real port."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.model_server import model_process, model_server
from support.postgres import Postgres
from support.redis import Redis
from support.services import SERVICE_TOKEN, identity, migrated_template, postgres, redis_process, redis_server, serve

from eco2_chat.application import create_app
from eco2_chat.settings import Settings
from eco2_model_server.pictures import picture
from eco2_model_server.testing import API_KEY, RunningModelServer

__all__ = ["model_process", "model_server", "postgres", "redis_process", "redis_server"]

CDN = "https://images.dev.growbin.app"
MakeSettings = Callable[..., Settings]
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


class ImageDomain:
    """Answers as the domain image does.

    Attributes:
        photos: by user and id, the bytes; None: the upload is not complete.
        trouble: the status it answers with instead.
        silent: it takes requests and does not answer.
        asked: the query of each request.
    """

    def __init__(self) -> None:
        self.address = ""
        self.photos: dict[tuple[str, str], bytes | None] = {}
        self.trouble: int | None = None
        self.silent = False
        self.without_content = False
        self.asked: list[dict[str, str]] = []

    def add(self, content: bytes | None = None, *, user_id: str = "user-1", ready: bool = True) -> str:
        """A photo of a user, by default of a PET bottle. Returns its id."""
        identifier = str(uuid.uuid4())
        self.photos[user_id, identifier] = (content or picture("clear-pet-bottle")) if ready else None
        return identifier

    def url(self, identifier: str) -> str:
        """Where everybody finds the image."""
        return f"{CDN}/{identifier}.jpg"

    async def _find(self, request: Request) -> Response:
        url = request.query_params["url"]
        return await self._answer(request, url.rpartition("/")[2].removesuffix(".jpg"))

    async def _content(self, request: Request) -> Response:
        refused = await self._answer(request, request.path_params["id"])
        if refused.status_code != 200:
            return refused
        if self.without_content:
            return Response(status_code=404)
        content = self.photos[request.query_params["user_id"], request.path_params["id"]]
        return Response(content, media_type="image/jpeg")

    async def _answer(self, request: Request, identifier: str) -> Response:
        self.asked.append(dict(request.query_params))
        while self.silent and not await request.is_disconnected():  # noqa: ASYNC110  a test takes it back
            await asyncio.sleep(0.01)
        if request.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
            return Response(status_code=401)
        if self.trouble is not None:
            return JSONResponse([], self.trouble)
        key = (request.query_params["user_id"], identifier)
        if key not in self.photos:
            return Response(status_code=404)
        if self.photos[key] is None:
            return Response(status_code=409)
        return JSONResponse({"id": identifier, "state": "ready"})

    def app(self) -> Starlette:
        """It."""
        prefix = "/api/v1/internal/images"
        return Starlette(
            routes=[
                Route(prefix, self._find),
                Route(f"{prefix}/{{id}}/content", self._content),
            ]
        )


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> Iterator[str]:
    """The name of a database with the schema."""
    with migrated_template(postgres, "eco2_chat") as name:
        yield name


@pytest.fixture
def database_url(postgres: Postgres, template: str) -> Iterator[str]:
    """A database of the test's own, with the schema."""
    with postgres.database(template=template) as url:
        yield url


@pytest.fixture
async def images() -> AsyncIterator[ImageDomain]:
    """The domain image."""
    domain = ImageDomain()
    async with serve(domain.app()) as client:
        domain.address = str(client.base_url).rstrip("/")
        yield domain
        domain.silent = False  # or requests under way would hold up the end


@pytest.fixture
def settings(
    database_url: str, redis_server: Redis, model_server: RunningModelServer, images: ImageDomain
) -> MakeSettings:
    """Makes settings for that database, an empty Redis, a model server without troubles and that domain image."""

    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_server.url),
            "service_token": SecretStr(SERVICE_TOKEN),
            "image_url": images.address,
            "cdn_base_url": CDN,
            "openai_api_key": SecretStr(API_KEY),
            "openai_base_url": model_server.base_url,
            "openai_attempts": 1,
            "chat_workers": 8,
        }
        return Settings(**values | changes)

    return make


@pytest.fixture
def serving(settings: MakeSettings) -> Serving:
    """Serves with other settings. The client is that of ``user-1``."""
    return lambda **changes: serve(create_app(settings(**changes)), headers=identity("user-1"))


@pytest.fixture
async def client(serving: Serving) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in user's client: ``user-1``."""
    async with serving() as client:
        yield client
