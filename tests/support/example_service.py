"""A small service made with eco2_service, for the tests of that package."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from sqlalchemy import text
from starlette.responses import StreamingResponse

from eco2_service.application import create_app
from eco2_service.database import Database
from eco2_service.identity import CurrentUser, UserInfo
from eco2_service.internal import ServiceCaller
from eco2_service.metrics import Metrics
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.probes import Check
from eco2_service.problems import Conflict, problem_responses
from eco2_service.rate_limit import RateLimit, client_address
from eco2_service.redis_client import connect_redis
from eco2_service.settings import ServiceSettings

PREFIX = "/api/v1/example"


@dataclass
class Resources:
    """What the example keeps."""

    database: Database
    redis: Redis
    limit: RateLimit
    checks: Mapping[str, Check]


class Item(BaseModel):
    """A thing."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=10, pattern=r"^[a-z]+$")]
    secret: Annotated[str, Field(max_length=5)] = ""


router = APIRouter(prefix=PREFIX)
internal = APIRouter(prefix="/api/v1/internal/example", dependencies=[ServiceCaller])


@router.get("/me")
async def me(user: CurrentUser) -> UserInfo:
    """Who asks."""
    return user


@router.post("/items", status_code=201)
async def make(item: Item, _user: CurrentUser) -> Item:
    """Make one."""
    return item


@router.get("/items")
async def items(cursor: Cursor = None, limit: Limit = 2) -> Page[int]:
    """Five numbers, by pages."""
    begin = int(decode_cursor(cursor, "after")["after"]) + 1 if cursor else 0
    found = list(range(5))[begin : begin + limit]
    more = found and found[-1] < 4
    return Page(items=found, next_cursor=encode_cursor({"after": str(found[-1])}) if more else None)


@router.get("/now")
async def now(request: Request) -> str:
    """What the database says."""
    async with request.app.state.resources.database.read() as connection:
        return str((await connection.execute(text("SELECT 'now'"))).scalar_one())


@router.get("/limited", responses=problem_responses(429))
async def limited(request: Request) -> str:
    """Allowed three times a minute."""
    resources: Resources = request.app.state.resources
    await resources.limit.check(client_address(request, request.app.state.settings))
    return "passed"


@router.get("/conflict/{name}", responses=problem_responses(409))
async def conflict(name: Annotated[str, Path(max_length=5)]) -> str:
    """Always refused."""
    raise Conflict(f"{name} is taken", slug="taken", owner="somebody")


@router.get("/broken", include_in_schema=False)
async def broken() -> str:
    """Fails."""
    raise RuntimeError("a secret of the program")


@router.get("/broken-stream", include_in_schema=False)
async def broken_stream() -> StreamingResponse:
    """Fails when it has begun."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("in the middle")

    return StreamingResponse(stream())


@router.get("/slow", include_in_schema=False)
async def slow(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "done"


@internal.get("/secret")
async def secret() -> str:
    """For other domains."""
    return "of domains"


def make_app(settings: ServiceSettings, **changes: Any) -> FastAPI:
    """The example."""

    @asynccontextmanager
    async def open_resources(metrics: Metrics) -> AsyncIterator[Resources]:
        database = Database.from_settings(settings, name="example", metrics=metrics)
        redis = connect_redis(settings.redis_url)
        limit = RateLimit(redis, "example", count=3)
        try:
            yield Resources(database, redis, limit, {"postgres": database.check, "redis": redis.ping, **changes})
        finally:
            await redis.aclose()
            await database.close()

    return create_app(
        name="example",
        title="Example",
        prefix=PREFIX,
        version="1.2.3",
        settings=settings,
        routers=[router, internal],
        resources=open_resources,
    )
