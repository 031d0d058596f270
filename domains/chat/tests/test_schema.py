"""The API's schema says what the service does."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest
from support.schemathesis_run import run_schemathesis
from support.services import identity, service_token

SCHEMA = "/api/v1/chat/openapi.json"
Serving = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.mark.parametrize("headers", [{}, {**identity("user-1"), **service_token()}], ids=["nobody", "somebody"])
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    serving: Serving, headers: dict[str, str], accept: str
) -> None:
    async with serving(chat_messages_per_day=1_000_000) as client:
        await run_schemathesis(str(client.base_url), headers={**headers, "accept": accept}, path=SCHEMA)
