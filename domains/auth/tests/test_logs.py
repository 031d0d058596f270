"""What a process writes while people sign in, refresh, fail, and leave: nothing that could be used."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.auth import part
from support.auth_browser import DONE, Browser, parameters
from support.auth_process import AuthProcess, running
from support.postgres import Postgres
from support.services import SERVICE_TOKEN, identity, service_token

from eco2_auth.settings import Settings
from eco2_identity_provider.testing import RunningProviders
from eco2_identity_provider.troubles import Fault
from eco2_identity_provider.users import USERS

PROVIDERS = ("google", "kakao", "naver")


@pytest.fixture
def process(tmp_path: Path, auth_settings: Settings) -> Any:
    with running(tmp_path, auth_settings.model_copy(update={"log_level": "debug"})) as found:
        yield found


@pytest.fixture
async def client(process: AuthProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=process.url, timeout=30, trust_env=False) as found:
        yield found


class Secrets:
    """Everything that was seen on the wire and must not be written."""

    def __init__(self, settings: Settings) -> None:
        self.values = {SERVICE_TOKEN, settings.jwt_signing_keys.get_secret_value().splitlines()[1]}
        self.values |= {user.email for user in USERS.values() if user.email}

    def see(self, browser: Browser, *addresses: str) -> None:
        for address in addresses:
            found = parameters(address)
            self.values |= {found[name] for name in ("code", "state", "nonce", "code_challenge") if name in found}
        for name, cookie in browser.cookies.items():
            # A token's header is the same for all; its claims and its signature are its own.
            self.values |= set(cookie.value.split(".")[1:] if name.startswith("s_") else [cookie.value])

    def see_calls(self, providers: RunningProviders) -> None:
        for name in PROVIDERS:
            self.values.add(providers.client(name).secret)
            for call in providers.realm(name).calls:
                secret = ("code", "client_secret", "code_verifier", "state", "access_token", "refresh_token")
                self.values |= {call.parameters[key] for key in secret if key in call.parameters}
                self.values.add(call.headers.get("authorization", "").partition(" ")[2])

    def found_in(self, text: str) -> list[str]:
        return [value for value in self.values if len(value) > 5 and value in text]


async def live(client: httpx2.AsyncClient, providers: RunningProviders, secrets: Secrets) -> None:
    """What a day brings."""
    for provider in PROVIDERS:
        browser = Browser(client)
        page = await browser.begin(provider)
        callback = await browser.consent(page)
        await browser.get(callback)
        secrets.see(browser, page, callback)
        await browser.get(callback)
        assert (await browser.post("/api/v1/auth/refresh")).status_code == 200
        secrets.see(browser)
        user = part(browser.value("s_access"), 1)["sub"]
        begun = await browser.post("/api/v1/auth/kakao/link", json={"redirect_uri": DONE}, headers=identity(user))
        linking = await browser.consent(begun.json()["location"], "second")
        await browser.get(linking)
        secrets.see(browser, begun.json()["location"], linking)
        await browser.post("/api/v1/auth/refresh", json={"refresh_token": browser.value("s_refresh")[:-9]})
        await browser.get(await browser.consent(await browser.begin(provider), "deny"))
        with providers.trouble(provider, token=Fault.GARBAGE):
            failing = await browser.consent(await browser.begin(provider))
            await browser.get(failing)
            secrets.see(browser, failing)
        assert (await browser.post("/api/v1/auth/logout")).status_code == 204
        await client.delete(f"/api/v1/internal/users/{user}", headers=service_token())
    secrets.see_calls(providers)


async def test_no_secret_is_in_any_line(
    process: AuthProcess, client: httpx2.AsyncClient, identity_providers: RunningProviders, auth_settings: Settings
) -> None:
    secrets = Secrets(auth_settings)
    await live(client, identity_providers, secrets)
    written = process.log.read_text()
    assert len(secrets.values) > 50
    assert secrets.found_in(written) == []
    lines = [json.loads(line) for line in written.splitlines()]
    assert {line["service"] for line in lines} == {"auth"}
    audit = [line for line in lines if line.get("audit")]
    assert all(line["request_id"] for line in audit)
    assert {line["event"] for line in audit} == {
        "login_started", "login_succeeded", "login_failed", "linked",
        "refreshed", "refresh_refused", "logged_out", "revoked",
    }  # fmt: skip


async def test_nor_when_the_program_fails(
    process: AuthProcess,
    client: httpx2.AsyncClient,
    identity_providers: RunningProviders,
    auth_settings: Settings,
    postgres: Postgres,
) -> None:
    secrets, browser = Secrets(auth_settings), Browser(client)
    database = auth_settings.database_url.get_secret_value().rsplit("/", 1)[1]
    postgres.execute("ALTER TABLE auth.accounts RENAME COLUMN nickname TO other", database=database)
    callback = await browser.consent(await browser.begin("google"))
    response = await browser.get(callback)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    secrets.see(browser, callback)
    secrets.see_calls(identity_providers)
    written = process.log.read_text()
    assert "UndefinedColumn" in written
    assert secrets.found_in(written) == []
