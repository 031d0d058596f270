"""The API's schema says what the service does."""

from collections.abc import Awaitable, Callable

import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve

from eco2_location.application import create_app
from eco2_location.models import NewPlace
from eco2_location.settings import Settings
from eco2_service.database import Database

SCHEMA = "/api/v1/locations/openapi.json"


@pytest.mark.parametrize("headers", [{}, identity("user-1")], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    settings: Callable[..., Settings],
    headers: dict[str, str],
    database: Database,
    korea: Callable[[int], list[NewPlace]],
    put: Callable[..., Awaitable[None]],
) -> None:
    await put(database, *korea(300))
    async with serve(create_app(settings())) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path=SCHEMA)
