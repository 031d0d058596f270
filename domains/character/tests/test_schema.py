"""The schema says all that the service does, whoever asks."""

from typing import Any

import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve, service_token

from eco2_character.application import create_app


@pytest.mark.parametrize("headers", [{}, {**identity("user-1"), **service_token()}], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(settings: Any, headers: dict[str, str]) -> None:
    async with serve(create_app(settings())) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path="/api/v1/character/openapi.json")
