"""The whole login, with each of the three."""

import asyncio
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from support.auth import ACCESS_TTL, AUDIENCE, ISSUER, REFRESH_TTL, part
from support.auth_browser import DONE, FRONTEND, Browser, parameters
from support.postgres import Postgres, running
from support.redis import free_port
from support.services import serve

from eco2_auth.application import create_app
from eco2_auth.settings import Settings
from eco2_identity_provider.testing import REDIRECT_BASE, RunningProviders
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble
from eco2_service.migrations import upgrade

PROVIDERS = ("google", "kakao", "naver")
SESSION = {"s_access", "s_refresh"}


def users(postgres: Postgres, settings: Settings) -> list[tuple[Any, ...]]:
    """User, provider, subject and e-mail of all accounts."""
    database = settings.database_url.get_secret_value().rsplit("/", 1)[1]
    return postgres.execute(
        "SELECT user_id, provider, subject, email FROM auth.accounts ORDER BY created_at", database=database
    )


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_whole_login(browser: Browser, postgres: Postgres, auth_settings: Settings, provider: str) -> None:
    response = await browser.sign_in(provider)
    assert response.status_code == 302
    assert response.headers["location"] == DONE
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    ((user_id, at, subject, _),) = users(postgres, auth_settings)
    assert (at, bool(subject)) == (provider, True)
    access, refresh = part(browser.value("s_access"), 1), part(browser.value("s_refresh"), 1)
    for claims in (access, refresh):
        assert (claims["sub"], claims["provider"]) == (str(user_id), provider)
        assert (claims["iss"], claims["aud"]) == (ISSUER, AUDIENCE)
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert (access["exp"] - access["iat"], refresh["exp"] - refresh["iat"]) == (ACCESS_TTL, REFRESH_TTL)


async def test_the_cookies_are_on_the_redirect_itself(browser: Browser) -> None:
    response = await browser.sign_in("google")
    lines = {line.split("=", 1)[0]: line.split("; ", 1)[1] for line in response.headers.get_list("set-cookie")}
    common = "HttpOnly; Max-Age={}; Path={}; SameSite=lax; Secure"
    assert lines == {
        "s_access": "Domain=.growbin.app; " + common.format(ACCESS_TTL, "/"),
        "s_refresh": "Domain=.growbin.app; " + common.format(REFRESH_TTL, "/api/v1/auth"),
    }
    begun = await browser.get("/api/v1/auth/google/login", params={"redirect_uri": DONE})
    (line,) = begun.headers.get_list("set-cookie")
    assert line.split("=", 1)[0] == "__Host-oauth_state"  # no page on another host of the domain can lay it in
    assert line.split("; ", 1)[1] == common.format(600, "/")


async def test_the_cookies_of_a_stage_without_https(auth_settings: Settings) -> None:
    """Browsers take the name of `__Host-` with Secure alone."""
    changed = auth_settings.model_copy(update={"cookie_secure": False, "cookie_prefix": "dev_", "cookie_domain": ""})
    async with serve(create_app(changed)) as client:
        browser = Browser(client)
        await browser.sign_in("google")
        assert {name: one["secure"] for name, one in browser.cookies.items()} == {
            "dev_oauth_state": "", "dev_s_access": "", "dev_s_refresh": "",
        }  # fmt: skip


async def test_signed_in_again_it_is_the_same_user(auth: httpx2.AsyncClient) -> None:
    found = set()
    for _ in range(2):
        browser = Browser(auth)
        await browser.sign_in("kakao")
        found.add(part(browser.value("s_access"), 1)["sub"])
    assert len(found) == 1


async def test_the_same_address_at_two_providers_is_two_users(
    browser: Browser, postgres: Postgres, auth_settings: Settings
) -> None:
    for provider in PROVIDERS:  # signed in already, and nothing is linked by that
        await browser.sign_in(provider)
    found = users(postgres, auth_settings)
    assert len({row[0] for row in found}) == 3
    assert len([row[3] for row in found if row[3] == "first@example.com"]) >= 2


async def test_a_state_is_good_for_once(browser: Browser) -> None:
    callback = await browser.consent(await browser.begin("google"))
    assert "s_access" in cookies_of(await browser.get(callback))
    again = await browser.get(callback)
    refused(again)


async def test_a_state_of_another_browser(auth: httpx2.AsyncClient, browser: Browser) -> None:
    callback = await browser.consent(await browser.begin("google"))
    victim = Browser(auth)
    refused(await victim.get(callback))
    await victim.begin("google")  # one with a login of its own
    refused(await victim.get(callback))
    refused(await browser.get(callback))  # and it is spent


async def test_a_browser_with_two_secrets(auth: httpx2.AsyncClient, browser: Browser) -> None:
    """The other one may be of a page on another host of the domain, that began the login itself."""
    callback = await browser.consent(await browser.begin("google"))
    name = "__Host-oauth_state"
    other, secret = f"{name}={'x' * 43}", f"{name}={browser.value(name)}"
    path = callback.removeprefix(REDIRECT_BASE)
    refused(await auth.get(path, headers={"cookie": f"{other}; {secret}"}))


async def test_a_state_of_another_provider(browser: Browser) -> None:
    callback = await browser.consent(await browser.begin("google"))
    refused(await browser.get(callback.replace("/google/", "/kakao/")))


async def test_what_nobody_began(browser: Browser) -> None:
    await browser.begin("naver")
    for query in ("", "?code=abc", "?code=abc&state=", "?state=unknown", "?error=access_denied"):
        refused(await browser.get(f"/api/v1/auth/naver/callback{query}"))


async def test_logins_in_two_tabs_can_both_be_finished(browser: Browser) -> None:
    first, second = await browser.begin("google"), await browser.begin("kakao")
    for page in (first, second):
        response = await browser.get(await browser.consent(page))
        assert response.headers["location"] == DONE
        assert cookies_of(response) >= SESSION


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_who_does_not_agree_is_not_signed_in(browser: Browser, provider: str) -> None:
    response = await browser.sign_in(provider, "deny")
    failed(response, "access_denied")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble.MIX_UP, "provider_answer_invalid"),
        (Trouble.FORGED, "provider_answer_invalid"),
        (Trouble.WRONG_NONCE, "provider_answer_invalid"),
        (Trouble.FAILED, "provider_unavailable"),
    ],
)
async def test_what_is_not_believed(
    browser: Browser, identity_providers: RunningProviders, trouble: Trouble, code: str
) -> None:
    with identity_providers.trouble("google", trouble):
        failed(await browser.sign_in("google"), code)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_is_down(browser: Browser, identity_providers: RunningProviders, provider: str) -> None:
    page = await browser.begin(provider)
    with identity_providers.trouble(provider, token=Fault.DOWN):
        failed(await browser.get(await browser.consent(page)), "provider_unavailable")
    assert (await browser.sign_in(provider)).headers["location"] == DONE


async def test_a_provider_that_is_down_at_the_beginning(browser: Browser, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("google", discovery=Fault.DOWN):
        response = await browser.get("/api/v1/auth/google/login", params={"redirect_uri": FRONTEND})
    assert response.headers["location"] == f"{FRONTEND}?error=provider_unavailable"


async def test_a_database_that_is_down(auth_settings: Settings) -> None:
    with running(max_connections="20") as server:
        await asyncio.to_thread(upgrade, "eco2_auth", server.url())
        changed = auth_settings.model_copy(
            update={"database_url": SecretStr(server.url()), "database_timeout_seconds": 2.0}
        )
        async with serve(create_app(changed)) as client:
            browser = Browser(client)
            callback = await browser.consent(await browser.begin("google"))
            await asyncio.to_thread(server.stop)
            failed(await browser.get(callback), "temporarily_unavailable")
            assert (await browser.get("/ready")).status_code == 503
            await asyncio.to_thread(server.start)
            assert cookies_of(await browser.sign_in("google")) == SESSION


async def test_a_service_that_starts_before_its_database(auth_settings: Settings) -> None:
    changed = auth_settings.model_copy(update={"database_url": SecretStr(f"postgresql://u@127.0.0.1:{free_port()}/d")})
    async with serve(create_app(changed)) as client:
        assert (await client.get("/health")).status_code == 200
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["keys"]) == (503, "KeysUnavailable")
        keys = await client.get("/.well-known/jwks.json")
        assert (keys.status_code, keys.json()["type"]) == (503, "/problems/keys-unavailable")


async def test_a_code_is_redeemed_once_with_its_secrets(browser: Browser, identity_providers: RunningProviders) -> None:
    page = await browser.begin("google")
    assert parameters(page)["code_challenge_method"] == "S256"
    await browser.get(await browser.consent(page))
    (call,) = identity_providers.calls("google", Endpoint.TOKEN)
    assert call.parameters["code_verifier"]


async def test_a_callback_without_a_code(browser: Browser) -> None:
    state = parameters(await browser.begin("naver"))["state"]
    failed(await browser.get("/api/v1/auth/naver/callback", params={"state": state}), "provider_refused")


async def test_a_login_leads_nowhere_else(browser: Browser) -> None:
    for redirect_uri in (
        "https://evil.test",
        f"{FRONTEND}.evil.test",
        f"{FRONTEND}@evil.test",
        f"{FRONTEND}\\@evil.test",
        "http://frontend.test",
        "//frontend.test",
        "javascript:alert(1)",
        f"{FRONTEND}/#fragment",
        "",
    ):
        response = await browser.get("/api/v1/auth/google/login", params={"redirect_uri": redirect_uri})
        assert response.status_code == 403, redirect_uri
        assert response.json()["type"] == "/problems/redirect-refused"
        assert browser.cookies == {}


async def test_there_is_no_other_provider(browser: Browser) -> None:
    for path in ("login", "callback"):
        response = await browser.get(f"/api/v1/auth/facebook/{path}", params={"redirect_uri": DONE})
        assert response.status_code == 404
    response = await browser.get("/api/v1/auth/google/login")
    assert response.status_code == 422


async def test_what_the_audit_log_has(browser: Browser) -> None:
    with capture_logs() as logs:
        await browser.sign_in("naver")
        await browser.sign_in("naver", "deny")
        await browser.get("/api/v1/auth/naver/callback?state=x")
    lines = [line for line in logs if line.get("audit") == "auth"]
    assert [line["event"] for line in lines] == [
        "login_started", "login_succeeded", "login_started", "login_failed", "login_failed",
    ]  # fmt: skip
    user = part(browser.value("s_access"), 1)["sub"]
    assert {line["client"] for line in lines} == {"203.0.113.1"}
    assert lines[1] == {
        **lines[1], "user_id": user, "provider": "naver", "new": True, "target": FRONTEND, "has_code": True,
    }  # fmt: skip
    assert {"state_ms", "provider_ms", "accounts_ms", "session_ms"} <= lines[1].keys()
    assert (lines[3]["step"], lines[3]["reason"]) == ("provider", "the user did not agree")
    assert (lines[4]["step"], lines[4]["has_cookie"]) == ("state", True)


def cookies_of(response: httpx2.Response) -> set[str]:
    """Of the cookies that it sets."""
    return {line.split("=", 1)[0] for line in response.headers.get_list("set-cookie")}


def refused(response: httpx2.Response) -> None:
    """Nobody is signed in, and nobody is led anywhere."""
    assert response.status_code == 403, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/login-unknown"
    assert not cookies_of(response)


def failed(response: httpx2.Response, code: str) -> None:
    """Nobody is signed in, and the page is told why."""
    assert response.status_code == 302, response.text
    assert response.headers["location"] == f"{DONE}&error={code}"
    assert not cookies_of(response)
