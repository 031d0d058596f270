"""The schema says all that the service does, whoever asks."""

from typing import Any

import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve

from eco2_info.application import create_app


@pytest.mark.parametrize("headers", [{}, identity("user-1")], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(settings: Any, headers: dict[str, str]) -> None:
    async with serve(create_app(settings())) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path="/api/v1/info/openapi.json")
