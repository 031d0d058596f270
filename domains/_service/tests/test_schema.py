"""The schema of a service made with the kit says what it does."""

import pytest
from pydantic import SecretStr
from support.example_service import PREFIX, make_app
from support.redis import Redis
from support.schemathesis_run import run_schemathesis
from support.services import SERVICE_TOKEN, identity, serve, service_token

from eco2_service.settings import ServiceSettings


@pytest.mark.parametrize("headers", [{}, {**identity("u-1"), **service_token()}], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    database_url: str, redis_server: Redis, headers: dict[str, str]
) -> None:
    settings = ServiceSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_server.url),
        service_token=SecretStr(SERVICE_TOKEN),
    )
    app = make_app(settings)
    async with serve(app) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path=f"{PREFIX}/openapi.json")
