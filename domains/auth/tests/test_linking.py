"""One more account for a signed-in user, and for nobody else."""

from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs
from support.auth import part
from support.auth_browser import DONE, FRONTEND, Browser
from support.postgres import Postgres
from support.services import identity

from eco2_auth.settings import Settings
from eco2_identity_provider.testing import RunningProviders
from eco2_identity_provider.troubles import Fault


def user_of(browser: Browser) -> str:
    found: str = part(browser.value("s_access"), 1)["sub"]
    return found


async def link(browser: Browser, user: str, provider: str, *, account: str = "first") -> httpx2.Response:
    """As the gateway passes it on: with the identity of the token."""
    begun = await browser.post(
        f"/api/v1/auth/{provider}/link", json={"redirect_uri": DONE}, headers=identity(user, "google")
    )
    assert begun.status_code == 200, begun.text
    return await browser.get(await browser.consent(begun.json()["location"], account))


async def test_a_signed_in_user_links_an_account(auth: httpx2.AsyncClient, browser: Browser) -> None:
    await browser.sign_in("google")
    user, before = user_of(browser), browser.value("s_access")
    with capture_logs() as logs:
        response = await link(browser, user, "kakao")
    assert response.headers["location"] == f"{DONE}&linked=kakao"
    assert not response.headers.get_list("set-cookie")  # the session goes on as it was
    assert browser.value("s_access") == before
    assert [line["event"] for line in logs if line.get("audit")] == ["login_started", "linked"]
    assert {line["user_id"] for line in logs if line.get("audit")} == {user}
    other = Browser(auth)
    await other.sign_in("kakao")
    assert user_of(other) == user
    assert (await link(browser, user, "kakao")).headers["location"].endswith("linked=kakao")


async def test_an_account_of_somebody_else_stays_there(auth: httpx2.AsyncClient, browser: Browser) -> None:
    other = Browser(auth)
    await other.sign_in("kakao")
    await browser.sign_in("google")
    response = await link(browser, user_of(browser), "kakao")
    assert response.headers["location"] == f"{DONE}&error=already_linked"
    await other.sign_in("kakao")
    assert user_of(other) != user_of(browser)


async def test_a_login_while_signed_in_links_nothing(
    browser: Browser, postgres: Postgres, auth_settings: Settings
) -> None:
    await browser.sign_in("google")
    for headers in ({}, identity(user_of(browser))):
        page = await browser.get("/api/v1/auth/kakao/login", params={"redirect_uri": DONE}, headers=headers)
        await browser.get(await browser.consent(page.headers["location"]), headers=headers)
    database = auth_settings.database_url.get_secret_value().rsplit("/", 1)[1]
    rows: list[tuple[Any, ...]] = postgres.execute("SELECT user_id FROM auth.accounts", database=database)
    assert len(set(rows)) == 2


async def test_a_link_is_finished_where_it_was_begun(auth: httpx2.AsyncClient, browser: Browser) -> None:
    await browser.sign_in("google")
    begun = await browser.post(
        "/api/v1/auth/kakao/link", json={"redirect_uri": DONE}, headers=identity(user_of(browser))
    )
    victim = Browser(auth)
    await victim.begin("kakao")
    callback = await victim.consent(begun.json()["location"], "second")
    assert (await victim.get(callback)).status_code == 403


async def test_a_user_who_was_deleted_meanwhile(auth: httpx2.AsyncClient, browser: Browser) -> None:
    response = await link(browser, "5e8d1b1e-0000-4000-8000-000000000001", "kakao")
    assert response.headers["location"] == f"{DONE}&error=user_deleted"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, {"redirect_uri": DONE}, 401),
        ({"x-user-id": "u"}, {"redirect_uri": DONE}, 401),
        (identity("u"), {"redirect_uri": "https://evil.test"}, 403),
        (identity("u"), {}, 422),
    ],
)
async def test_what_is_refused(browser: Browser, headers: dict[str, str], body: dict[str, str], status: int) -> None:
    response = await browser.post("/api/v1/auth/kakao/link", json=body, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (
        await browser.post("/api/v1/auth/x/link", json={"redirect_uri": DONE}, headers=identity("u"))
    ).status_code == 404


async def test_with_a_cookie_it_needs_a_page_of_the_list(browser: Browser) -> None:
    await browser.sign_in("google")
    for origin in (None, "https://evil.test"):
        response = await browser.post(
            "/api/v1/auth/kakao/link",
            origin=origin,
            json={"redirect_uri": DONE},
            headers=identity(user_of(browser)),
        )
        assert response.status_code == 403
        assert response.json()["type"] == "/problems/origin-refused"


async def test_a_provider_that_is_down_at_the_beginning(browser: Browser, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("kakao", discovery=Fault.DOWN):
        response = await browser.post("/api/v1/auth/kakao/link", json={"redirect_uri": FRONTEND}, headers=identity("u"))
    assert response.json() == {"location": f"{FRONTEND}?error=provider_unavailable"}
