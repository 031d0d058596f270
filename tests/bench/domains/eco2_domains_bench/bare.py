"""What a service would be without all that surrounds its handlers: plain FastAPI on the same uvicorn.

Same statement, same pool, same model and serializer; no identity, no request id, no log, no metric, no problem answer.
Run as `python -m eco2_domains_bench.bare PORT BYTES` with DATABASE_URL.
"""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response

from eco2_character import store as character_store
from eco2_character.catalogue import _item
from eco2_character.schemas import CatalogueItem
from eco2_my import store as my_store
from eco2_my.schemas import Profile
from eco2_service.database import create_engine
from eco2_service.pages import Page
from eco2_service.settings import ServiceSettings

settings = ServiceSettings()
engine = create_engine(
    settings.database_url.get_secret_value(),
    name="bare",
    pool_size=settings.database_pool_size,
    timeout=settings.database_timeout_seconds,
).execution_options(isolation_level="AUTOCOMMIT")
application = FastAPI()


@application.get("/api/v1/user/me")
async def me(request: Request) -> Profile:
    """The statement of `my`, made the same model."""
    user_id, provider = request.headers["x-user-id"], request.headers["x-auth-provider"]
    async with engine.connect() as connection:
        parameters = {"user_id": user_id, "provider": provider}
        row = (await connection.execute(my_store._PROFILE, parameters)).one()
    _, *fields = row
    names = ("nickname", "email", "picture", "last_login_at", "created_at", "updated_at")
    return Profile.model_construct(user_id=user_id, provider=provider, **dict(zip(names, fields, strict=True)))


@application.get("/api/v1/character/catalog")
async def catalog(limit: int = 50) -> Page[CatalogueItem]:
    """The statement that `character` makes for each version of its catalogue, made for each request."""
    async with engine.connect() as connection:
        characters = await character_store.current(connection)
    return Page(items=[_item(character) for character in characters[:limit]])


@application.get("/bytes")
async def prepared(request: Request) -> Response:
    """As many bytes as the catalogue has, from memory: the most that FastAPI can do."""
    return Response(request.app.state.body, media_type="application/json")


if __name__ == "__main__":
    application.state.body = b"x" * int(sys.argv[2])
    configuration = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(configuration).run()
