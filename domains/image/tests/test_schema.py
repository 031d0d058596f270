"""The API's schema says what the service does."""

from collections.abc import Callable

import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve, service_token

from eco2_image.application import create_app
from eco2_image.settings import Settings

SCHEMA = "/api/v1/images/openapi.json"


@pytest.mark.parametrize("headers", [{}, {**identity("user-1"), **service_token()}], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    settings: Callable[..., Settings], headers: dict[str, str]
) -> None:
    plenty = settings(image_uploads_per_day=1_000_000, image_bytes_per_user=10**15)
    async with serve(create_app(plenty)) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path=SCHEMA)
