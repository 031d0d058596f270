"""The OpenAPI schema says what the service does."""

import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve, service_token

from eco2_auth.application import create_app
from eco2_auth.settings import Settings


@pytest.mark.parametrize(
    "headers",
    [{}, {**identity("5e8d1b1e-0000-4000-8000-000000000001"), **service_token()}],
    ids=["nobody", "somebody"],
)
async def test_whatever_is_asked_the_answer_is_in_the_schema(auth_settings: Settings, headers: dict[str, str]) -> None:
    changed = auth_settings.model_copy(update={"login_per_minute": 100_000, "refresh_per_minute": 100_000})
    async with serve(create_app(changed)) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path="/api/v1/auth/openapi.json")
