"""The schema of the service says what it does."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from support.schemathesis_run import run_schemathesis
from support.services import identity, serve, service_token

from eco2_my.application import create_app
from eco2_my.settings import Settings

SCHEMA = "/api/v1/user/openapi.json"


def without_state(app: ASGIApp) -> ASGIApp:
    """Keeps what a generator cannot know out of the answers: who was deleted before, and which version there is.

    Whoever asks to be deleted is somebody else. `If-Match` is not sent on; it has tests of its own.
    """

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [(name, value) for name, value in scope["headers"] if name != b"if-match"]
            if scope["method"] == "DELETE":
                headers = [(name, b"leaver" if name == b"x-user-id" and value else value) for name, value in headers]
            scope = {**scope, "headers": headers}
        await app(scope, receive, send)

    return asked


@pytest.mark.parametrize("headers", [{}, {**identity("user-1"), **service_token()}], ids=["nobody", "somebody"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    settings: Settings, push: Callable[..., Any], headers: dict[str, str]
) -> None:
    async with serve(without_state(create_app(settings))) as client:
        await push(client=client)
        await run_schemathesis(str(client.base_url), headers=headers, path=SCHEMA)
