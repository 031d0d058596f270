"""Going on with a session and ending it, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis as Client
from structlog.testing import capture_logs
from support.auth import ACCESS_TTL, REFRESH_TTL, part, settings
from support.auth_browser import FRONTEND, Browser
from support.redis import Redis, running
from support.services import serve, service_token

from eco2_auth.application import create_app
from eco2_auth.settings import Settings

REFRESH, LOGOUT = "/api/v1/auth/refresh", "/api/v1/auth/logout"


def is_problem(response: httpx2.Response, status: int, slug: str) -> bool:
    return (
        response.status_code == status
        and response.headers["content-type"] == "application/problem+json"
        and response.json()["type"] == f"/problems/{slug}"
        and "set-cookie" not in response.headers
    )


async def test_a_browser_refreshes_by_cookie_and_sees_no_token(browser: Browser) -> None:
    await browser.sign_in("google")
    before = browser.value("s_access"), browser.value("s_refresh")
    response = await browser.post(REFRESH)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "token_type": "Bearer", "expires_in": ACCESS_TTL, "access_token": None, "refresh_token": None,
    }  # fmt: skip
    lines = response.headers.get_list("set-cookie")
    assert [line.split("; ", 1)[1] for line in lines] == [
        f"Domain=.growbin.app; HttpOnly; Max-Age={ACCESS_TTL}; Path=/; SameSite=lax; Secure",
        f"Domain=.growbin.app; HttpOnly; Max-Age={REFRESH_TTL}; Path=/api/v1/auth; SameSite=lax; Secure",
    ]
    after = browser.value("s_access"), browser.value("s_refresh")
    assert not set(before) & set(after)
    assert part(after[1], 1)["family"] == part(before[1], 1)["family"]


async def test_by_cookie_it_needs_a_page_of_the_list(browser: Browser) -> None:
    await browser.sign_in("google")
    for origin in (None, "https://evil.test", f"{FRONTEND}.evil.test", "null"):
        assert is_problem(await browser.post(REFRESH, origin=origin), 403, "origin-refused")
        assert is_problem(await browser.post(LOGOUT, origin=origin), 403, "origin-refused")
    assert (await browser.post(REFRESH)).status_code == 200


async def test_beside_an_authorization_a_cookie_is_none(browser: Browser) -> None:
    await browser.sign_in("google")
    for line in ("Basic eDp4", "Bearer nonsense", ""):
        for path in (REFRESH, LOGOUT):
            response = await browser.post(path, origin="https://evil.test", headers={"authorization": line})
            assert is_problem(response, 401, "invalid-token"), line
    assert (await browser.post(REFRESH)).status_code == 200


async def test_two_cookies_of_one_name_are_none(auth: httpx2.AsyncClient, browser: Browser) -> None:
    other = Browser(auth)
    await browser.sign_in("google", "first")
    await other.sign_in("google", "second")
    for name, path in (("s_refresh", REFRESH), ("s_refresh", LOGOUT), ("s_access", LOGOUT)):
        one, two = (f"{name}={who.value(name)}" for who in (browser, other))
        for lines in ([f"{one}; {two}"], [one, two], [f"{one};{name} ={other.value(name)}"]):
            headers = [("origin", FRONTEND), *(("cookie", line) for line in lines)]
            assert is_problem(await auth.post(path, headers=headers), 401, "invalid-token"), lines
    for who in (browser, other):
        assert (await who.post(REFRESH)).status_code == 200


async def test_a_client_without_cookies(auth: httpx2.AsyncClient, browser: Browser) -> None:
    await browser.sign_in("google")
    sent = {"refresh_token": browser.value("s_refresh")}
    first, again = await auth.post(REFRESH, json=sent), await auth.post(REFRESH, json=sent)
    assert first.json() == again.json()  # within the grace
    assert "set-cookie" not in first.headers
    assert part(first.json()["refresh_token"], 1)["type"] == "refresh"
    assert part(first.json()["access_token"], 1)["type"] == "access"


async def test_fifty_refreshes_at_once_over_http(auth: httpx2.AsyncClient, browser: Browser) -> None:
    await browser.sign_in("google")
    sent = {"refresh_token": browser.value("s_refresh")}
    answers = await asyncio.gather(*(auth.post(REFRESH, json=sent) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert len({answer.json()["access_token"] for answer in answers}) == 1


async def test_reuse_is_told_to_the_audit_log(auth: httpx2.AsyncClient, browser: Browser, redis_client: Client) -> None:
    await browser.sign_in("google")
    stolen = browser.value("s_refresh")
    await browser.post(REFRESH)
    (name,) = [
        name for name in await redis_client.keys("auth:refresh:*") if await redis_client.hexists(name, "used_at")
    ]
    await redis_client.hincrby(name, "used_at", -10_000)
    with capture_logs() as logs:
        assert is_problem(await auth.post(REFRESH, json={"refresh_token": stolen}), 401, "invalid-token")
    (line,) = [line for line in logs if line.get("audit")]
    claims = part(stolen, 1)
    assert (line["event"], line["user_id"], line["session"]) == ("refresh_reused", claims["sub"], claims["family"])
    assert is_problem(await browser.post(REFRESH), 401, "invalid-token")
    assert await redis_client.exists(f"blacklist:{part(browser.value('s_access'), 1)['jti']}")


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
async def test_without_a_valid_token(auth: httpx2.AsyncClient, browser: Browser, path: str) -> None:
    await browser.sign_in("google")
    access = browser.value("s_access")
    assert is_problem(await auth.post(path), 401, "invalid-token")
    assert is_problem(await auth.post(path, json={}), 401, "invalid-token")
    assert is_problem(await auth.post(path, json={"refresh_token": "nonsense"}), 401, "invalid-token")
    assert is_problem(await auth.post(path, json={"refresh_token": access}), 401, "invalid-token")
    cut = await auth.post(path, headers={"authorization": f"Bearer {access[:-4]}"})
    assert is_problem(cut, 401, "invalid-token")
    assert cut.headers["www-authenticate"] == "Bearer"
    assert (await auth.post(path, json={"refresh_token": 7})).status_code == 422
    assert (await auth.post(path, content=b"{", headers={"content-type": "application/json"})).status_code == 400


async def test_a_logout_ends_the_whole_session(
    auth: httpx2.AsyncClient, browser: Browser, redis_client: Client
) -> None:
    await browser.sign_in("google")
    earlier = part(browser.value("s_access"), 1)
    await browser.post(REFRESH)
    access, refresh = part(browser.value("s_access"), 1), part(browser.value("s_refresh"), 1)
    token = browser.value("s_refresh")
    with capture_logs() as logs:
        response = await browser.post(LOGOUT)
    assert response.status_code == 204
    assert response.headers.get_list("set-cookie") == [
        's_access=""; Domain=.growbin.app; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure',
        's_refresh=""; Domain=.growbin.app; HttpOnly; Max-Age=0; Path=/api/v1/auth; SameSite=lax; Secure',
    ]
    assert not {"s_access", "s_refresh"} & browser.cookies.keys()
    for claims in (access, refresh, earlier):
        assert await redis_client.pexpiretime(f"blacklist:{claims['jti']}") == (claims["exp"] + 65) * 1000
    assert is_problem(await auth.post(REFRESH, json={"refresh_token": token}), 401, "invalid-token")
    assert [line["event"] for line in logs if line.get("audit")] == ["logged_out"]


async def test_ways_to_log_out(auth: httpx2.AsyncClient, redis_client: Client) -> None:
    for way in ("bearer", "body", "both", "again"):
        browser = Browser(auth)
        await browser.sign_in("google")
        access, refresh = browser.value("s_access"), browser.value("s_refresh")
        headers = {} if way == "body" else {"authorization": f"Bearer {access}"}
        body = None if way == "bearer" else {"refresh_token": refresh}
        for _ in range(2 if way == "again" else 1):
            assert (await auth.post(LOGOUT, headers=headers, json=body)).status_code == 204
        assert await redis_client.exists(f"blacklist:{part(access, 1)['jti']}")
        assert is_problem(await auth.post(REFRESH, json={"refresh_token": refresh}), 401, "invalid-token")


async def test_two_authorizations_are_none(auth: httpx2.AsyncClient, browser: Browser) -> None:
    await browser.sign_in("google")
    line = f"Bearer {browser.value('s_access')}"
    assert is_problem(
        await auth.post(LOGOUT, headers=[("authorization", line), ("authorization", line)]), 401, "invalid-token"
    )
    assert is_problem(await auth.post(LOGOUT, headers={"authorization": "Basic YTpi"}), 401, "invalid-token")


async def test_a_user_is_deleted(auth: httpx2.AsyncClient, redis_client: Client) -> None:
    browsers = [Browser(auth), Browser(auth)]
    for browser in browsers:
        await browser.sign_in("kakao")
    user = part(browsers[0].value("s_access"), 1)["sub"]
    path = f"/api/v1/internal/users/{user}"
    assert (await auth.delete(path)).status_code == 401
    assert (await auth.delete(path, headers=service_token("another-token-0123456789"))).status_code == 401
    for _ in range(2):
        assert (await auth.delete(path, headers=service_token())).status_code == 204
    for browser in browsers:
        assert await redis_client.exists(f"blacklist:{part(browser.value('s_access'), 1)['jti']}")
        assert (await browser.post(REFRESH)).status_code == 401
    await browsers[0].sign_in("kakao")
    assert part(browsers[0].value("s_access"), 1)["sub"] != user
    assert (await auth.delete("/api/v1/internal/users/nobody", headers=service_token())).status_code == 204


async def test_a_login_that_a_deletion_overtakes(
    auth: httpx2.AsyncClient, browser: Browser, redis_client: Client
) -> None:
    await browser.sign_in("kakao")
    user = part(browser.value("s_access"), 1)["sub"]
    await redis_client.set(f"auth:user:{user}:gone", 1)
    response = await browser.sign_in("kakao")
    assert response.headers["location"].endswith("&error=user_deleted")
    assert "set-cookie" not in response.headers


@asynccontextmanager
async def breakable(auth_settings: Settings) -> AsyncIterator[tuple[Browser, Redis]]:
    with running() as server:
        changed = auth_settings.model_copy(update={"redis_url": auth_settings.redis_url.__class__(server.url)})
        async with serve(create_app(changed)) as client:
            yield Browser(client), server


async def test_without_redis_nothing_succeeds(auth_settings: Settings) -> None:
    async with breakable(auth_settings) as (browser, server):
        await browser.sign_in("google")
        callback = await browser.consent(await browser.begin("google"))
        assert (await browser.get("/ready")).status_code == 200
        await asyncio.to_thread(server.kill)
        for response in (
            await browser.post(REFRESH),
            await browser.post(LOGOUT),
            await browser.get(callback),
            await browser.get("/api/v1/auth/google/login", params={"redirect_uri": FRONTEND}),
            await browser.request(
                "DELETE", "/api/v1/internal/users/u", headers={**service_token(), "origin": FRONTEND}
            ),
        ):
            assert is_problem(response, 503, "redis-unavailable"), response.text
            assert response.headers["retry-after"]
        assert (await browser.get("/ready")).status_code == 503
        assert (await browser.get("/health")).status_code == 200
        await asyncio.to_thread(server.start)
        assert (await browser.get(callback)).status_code == 302
        assert (await browser.post(LOGOUT)).status_code == 204


async def test_how_often_one_address_may_ask(auth_settings: Settings) -> None:
    production = settings(
        database_url=auth_settings.database_url, redis_url=auth_settings.redis_url,
        jwt_signing_keys=auth_settings.jwt_signing_keys, login_per_minute=20, refresh_per_minute=30,
    )  # fmt: skip
    assert (Settings.model_fields["login_per_minute"].default, Settings.model_fields["refresh_per_minute"].default) == (
        20, 30,
    )  # fmt: skip
    async with serve(create_app(production)) as client:
        for method, path, limit in (
            ("GET", "/api/v1/auth/google/login?redirect_uri=x", 20),
            ("GET", "/api/v1/auth/google/callback", 20),
            ("POST", REFRESH, 30),
        ):
            one, other = Browser(client, address="203.0.113.1"), Browser(client, address="203.0.113.2")
            passed, refused = await until_refused(one, method, path)
            assert passed >= limit  # more on a machine so slow that another was allowed meanwhile
            assert 1 <= int(refused.headers["retry-after"]) <= 3
            # What stands before our proxy's word is anybody's: it is no address of its own.
            forged = {"x-forwarded-for": "198.51.100.7, 203.0.113.1"}
            passed, _ = await until_refused(one, method, path, headers=forged)
            assert passed < limit
            assert (await other.request(method, path)).status_code != 429


async def until_refused(browser: Browser, method: str, path: str, **options: Any) -> tuple[int, httpx2.Response]:
    """How many requests pass, and the answer to the one that does not."""
    for passed in range(1000):
        response = await browser.request(method, path, **options)
        if response.status_code == 429:
            return passed, response
    raise AssertionError("there is no limit")
