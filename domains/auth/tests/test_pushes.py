"""The service pushes profiles to my: while it is there, and when it comes back."""

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request, Response
from support.aio import becomes
from support.auth import part
from support.auth_browser import Browser
from support.postgres import Postgres
from support.redis import free_port
from support.services import SERVICE_TOKEN, serve

from eco2_auth import outbox
from eco2_auth.application import create_app
from eco2_auth.settings import Settings


def stand_in(heard: list[dict[str, Any]], *, up: list[bool]) -> FastAPI:
    """For my."""
    app = FastAPI()

    @app.put("/api/v1/internal/users/{user_id}")
    async def put(user_id: str, request: Request) -> Response:
        if not up[0]:
            return Response(status_code=503)
        assert request.headers["authorization"] == f"Bearer {SERVICE_TOKEN}"
        heard.append({"user_id": user_id, **await request.json()})
        return Response(status_code=204)

    return app


async def test_my_is_told_when_it_is_back(
    auth_settings: Settings, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.05)
    database = auth_settings.database_url.get_secret_value().rsplit("/", 1)[1]
    heard: list[dict[str, Any]] = []
    up = [False]

    def all_delivered() -> bool:
        return postgres.execute("SELECT version FROM auth.outbox", database=database) == []

    async with serve(stand_in(heard, up=up)) as my:
        changed = auth_settings.model_copy(update={"my_url": str(my.base_url)})
        async with serve(create_app(changed)) as auth:
            browser = Browser(auth)
            response = await browser.sign_in("google")
            assert "error" not in response.headers["location"]  # a login does not wait for my
            await browser.sign_in("google")
            assert not all_delivered()
            up[0] = True
            await becomes(all_delivered)
            first = heard[-1]
            await browser.sign_in("google")
            await becomes(all_delivered)
            second = heard[-1]
            user = part(browser.value("s_access"), 1)["sub"]
    assert {message["user_id"] for message in heard} == {user}
    assert first["version"] < second["version"]
    assert first["accounts"][0]["last_login_at"] < second["accounts"][0]["last_login_at"]
    assert second["accounts"] == [
        {**second["accounts"][0], "provider": "google", "email": "first@example.com", "nickname": "첫째"}
    ]


async def test_a_login_does_not_need_my(auth_settings: Settings) -> None:
    changed = auth_settings.model_copy(update={"my_url": f"http://127.0.0.1:{free_port()}"})
    async with serve(create_app(changed)) as auth:
        browsers = [Browser(auth) for _ in range(3)]
        await asyncio.gather(*(browser.sign_in("kakao") for browser in browsers))
        assert all("s_access" in browser.cookies for browser in browsers)
        metrics = await auth.get("/metrics/status")
    assert isinstance(metrics, httpx2.Response)
    assert 'eco2_dependency_request_duration_seconds_count{dependency="kakao",result="ok"}' in metrics.text
