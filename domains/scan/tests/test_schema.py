"""The API's schema says what the service does."""

from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from support.scan_peers import Peers, Upload
from support.schemathesis_run import run_schemathesis
from support.services import serve, service_token

from eco2_model_server.pictures import picture
from eco2_scan.application import create_app
from eco2_scan.settings import Settings
from eco2_service.identity import USER_ID, USER_ID_PATTERN

SCHEMA = "/api/v1/scan/openapi.json"


def as_user_1(app: ASGIApp) -> ASGIApp:
    """Every user is the one who has an image; what is no user stays none.

    Identity that is given to schemathesis takes the place of what it makes up, also of what it has made wrong.
    """

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [
                (
                    name,
                    b"user-1"
                    if name == USER_ID.encode() and USER_ID_PATTERN.fullmatch(value.decode("latin-1"))
                    else value,
                )
                for name, value in scope["headers"]
            ]
            scope = {**scope, "headers": headers}
        await app(scope, receive, send)

    return asked


@pytest.mark.parametrize("headers", [{}, service_token()], ids=["nobody", "another domain"])
async def test_whatever_is_asked_the_answer_is_in_the_schema(
    settings: Callable[..., Settings], peers: Peers, headers: dict[str, str]
) -> None:
    peers.any_upload = Upload("user-1", picture("drink-can"), "image/jpeg", "ready")
    async with serve(as_user_1(create_app(settings(scans_per_day=1_000_000)))) as client:
        await run_schemathesis(str(client.base_url), headers=headers, path=SCHEMA)
