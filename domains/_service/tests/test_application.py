"""What every service answers, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog
from pydantic import SecretStr
from support.example_service import PREFIX, make_app
from support.redis import Redis
from support.services import SERVICE_TOKEN, identity, serve, service_token

from eco2_service.middleware import BODY_LIMIT
from eco2_service.settings import ServiceSettings

ORIGIN = "https://frontend.growbin.app"


@pytest.fixture
def settings(database_url: str, redis_server: Redis) -> ServiceSettings:
    return ServiceSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_server.url),
        service_token=SecretStr(SERVICE_TOKEN),
        service_token_previous=SecretStr("the-token-before-this-one"),
        cors_allow_origins=(ORIGIN,),
        cookie_prefix="dev_",
    )


def assert_problem(answer: httpx2.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


async def test_health_ready_metrics_and_docs(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert (await client.get("/ready")).json() == {"status": "ok", "checks": {"postgres": "ok", "redis": "ok"}}
        await client.get(f"{PREFIX}/now")
        metrics = (await client.get("/metrics/status")).text
        assert 'eco2_service_info{name="example",version="1.2.3"} 1.0' in metrics
        assert 'eco2_dependency_request_duration_seconds_count{dependency="postgres",result="ok"} 2.0' in metrics
        assert f"{PREFIX}/openapi.json" in (await client.get(f"{PREFIX}/docs")).text
        assert (await client.get(f"{PREFIX}/openapi.json")).json()["info"]["version"] == "1.2.3"


async def test_metrics_on_a_port_of_their_own_are_not_public(settings: ServiceSettings) -> None:
    async with serve(make_app(settings.model_copy(update={"metrics_port": 9100}))) as client:
        assert_problem(await client.get("/metrics/status"), 404)


async def test_ready_says_what_does_not_answer_and_health_stays(settings: ServiceSettings) -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ConnectionError("redis://:password@host")

    async with serve(make_app(settings, hanging=hangs, failing=fails)) as client:
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {
            "postgres": "ok",
            "redis": "ok",
            "hanging": "no answer within 1 s",
            "failing": "ConnectionError",
        }
        assert (await client.get("/health")).status_code == 200


async def test_identity_comes_from_the_headers(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        answer = await client.get(f"{PREFIX}/me", headers=identity("u-1", "kakao"))
        assert answer.json() == {"user_id": "u-1", "provider": "kakao"}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("x-user-id", "u-1")],
        [("x-auth-provider", "google")],
        [("x-user-id", ""), ("x-auth-provider", "google")],
        [("x-user-id", "u-1"), ("x-user-id", "u-1"), ("x-auth-provider", "google")],
        [("x-user-id", "u-1"), ("x-auth-provider", "google"), ("x-auth-provider", "kakao")],
        [("x-user-id", "u 1"), ("x-auth-provider", "google")],
        [("x-user-id", "x" * 129), ("x-auth-provider", "google")],
        [("x-user-id", b"\xc3\xa9"), ("x-auth-provider", "google")],
        [("x-user-id", "u-1"), ("x-auth-provider", "Google")],
        [("x-user-id", "u-1"), ("x-auth-provider", "")],
        [("authorization", "Bearer a-token"), ("cookie", "s_access=a-token")],
    ],
)
async def test_what_is_no_identity_is_401(settings: ServiceSettings, headers: list[tuple[str, str]]) -> None:
    async with serve(make_app(settings)) as client:
        answer = await client.get(f"{PREFIX}/me", headers=headers)
        assert assert_problem(answer, 401)["type"] == "/problems/not-signed-in"
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", [SERVICE_TOKEN, "the-token-before-this-one"])
async def test_other_domains_show_one_of_two_tokens(settings: ServiceSettings, token: str) -> None:
    async with serve(make_app(settings)) as client:
        answer = await client.get("/api/v1/internal/example/secret", headers=service_token(token))
        assert answer.json() == "of domains"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Basic {SERVICE_TOKEN}"},
        {"authorization": SERVICE_TOKEN},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {SERVICE_TOKEN}x"},
        identity("u-1"),
    ],
)
async def test_who_shows_none_of_them_is_refused(settings: ServiceSettings, headers: dict[str, str]) -> None:
    async with serve(make_app(settings)) as client:
        answer = await client.get("/api/v1/internal/example/secret", headers=headers)
        assert assert_problem(answer, 401)["type"] == "/problems/no-service-token"


async def test_without_a_token_of_our_own_nobody_is_a_domain(settings: ServiceSettings) -> None:
    none = settings.model_copy(update={"service_token": None, "service_token_previous": None})
    async with serve(make_app(none)) as client:
        for token in ("x", "None", SERVICE_TOKEN):
            answer = await client.get("/api/v1/internal/example/secret", headers={"authorization": f"Bearer {token}"})
            assert_problem(answer, 401)


async def test_problems_have_their_type_and_extensions(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        body = assert_problem(await client.get(f"{PREFIX}/conflict/x"), 409)
        assert body["type"] == "/problems/taken"
        assert body["title"] == "Conflict"
        assert body["detail"] == "x is taken"
        assert body["owner"] == "somebody"


async def test_an_invalid_request_is_told_what_is_wrong_but_not_what_it_sent(settings: ServiceSettings) -> None:
    async with serve(make_app(settings), headers=identity("u-1")) as client:
        answer = await client.post(f"{PREFIX}/items", json={"name": "UPPER", "secret": "hunter2", "more": 1})
        body = assert_problem(answer, 422)
        errors = body["errors"]
        assert isinstance(errors, list)
        assert [(error["location"], error["pointer"]) for error in errors] == [
            ("body", "/name"),
            ("body", "/secret"),
            ("body", "/more"),
        ]
        assert "hunter2" not in answer.text
        answer = await client.get(f"{PREFIX}/items", params={"limit": 0})
        assert assert_problem(answer, 422)["errors"] == [
            {"location": "query", "pointer": "limit", "detail": "Input should be greater than or equal to 1"}
        ]


async def test_what_is_no_json_is_400(settings: ServiceSettings) -> None:
    async with serve(make_app(settings), headers=identity("u-1")) as client:
        answer = await client.post(f"{PREFIX}/items", content=b"{", headers={"content-type": "application/json"})
        assert_problem(answer, 400)


async def test_a_body_that_is_too_long_is_not_read_to_its_end(settings: ServiceSettings) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"name": "'
        while sent < 100 * BODY_LIMIT:
            sent += 65536
            yield b"a" * 65536

    async with serve(make_app(settings), headers=identity("u-1")) as client:
        fits = b'{"name": "abc"' + b" " * (BODY_LIMIT - 15) + b"}"
        as_json = {"content-type": "application/json"}
        assert (await client.post(f"{PREFIX}/items", content=fits, headers=as_json)).status_code == 201
        assert_problem(await client.post(f"{PREFIX}/items", content=fits + b" ", headers=as_json), 413)
        assert_problem(await client.post(f"{PREFIX}/items", content=endless(), headers=as_json), 413)
        assert (await client.get(f"{PREFIX}/me")).status_code == 200


async def test_what_does_not_exist(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        assert_problem(await client.get("/nowhere"), 404)
        refused = await client.delete(f"{PREFIX}/items")
        assert_problem(refused, 405)
        assert refused.headers["allow"] == "GET, POST"
        assert_problem(await client.get(f"{PREFIX}/items/"), 404)  # no redirect to a host that only the gateway knows


async def test_a_failing_program_says_so_without_its_words(settings: ServiceSettings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with serve(make_app(settings)) as client:
            answer = await client.get(f"{PREFIX}/broken")
    assert_problem(answer, 500)
    assert "a secret of the program" not in answer.text
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["unexpected error"]


async def test_an_answer_that_fails_in_the_middle_does_not_look_complete(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"{PREFIX}/broken-stream")


async def test_the_request_id_is_taken_over_when_it_can_be_one(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        sent = {"x-request-id": "0123-4567"}
        assert (await client.get("/health", headers=sent)).headers["x-request-id"] == "0123-4567"
        for bad in ("short", "x" * 129, 'a"quoted"one'):
            answer = await client.get("/health", headers={"x-request-id": bad})
            assert answer.headers["x-request-id"] != bad
            assert len(answer.headers["x-request-id"]) == 36


async def test_answers_stay_in_no_cache_and_are_what_they_say(settings: ServiceSettings) -> None:
    async with serve(make_app(settings), headers=identity("u-1")) as client:
        for path in (f"{PREFIX}/me", "/nowhere"):
            answer = await client.get(path)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_requests_are_logged_without_their_queries(settings: ServiceSettings) -> None:
    with structlog.testing.capture_logs() as lines:
        async with serve(make_app(settings)) as client:
            await client.get(f"{PREFIX}/conflict/x", params={"code": "secret"})
            await client.get("/health")
    (line,) = (line for line in lines if line["event"] == "request")
    assert line["route"] == f"{PREFIX}/conflict/{{name}}"
    assert (line["method"], line["path"], line["status"]) == ("GET", f"{PREFIX}/conflict/x", 409)
    assert "secret" not in str(lines)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"cookie": "dev_s_access=x", "origin": ORIGIN}, 201),
        ({"cookie": "dev_s_access=x"}, 403),
        ({"cookie": "dev_s_refresh=x; other=1", "origin": "https://evil.example"}, 403),
        ({"cookie": "dev_s_access=x", "origin": "null"}, 403),
        ({"cookie": "dev_s_access=x", "authorization": "Bearer x"}, 201),
        ({"cookie": "other=1"}, 201),
        ({}, 201),
    ],
)
async def test_changes_with_a_cookie_need_an_origin_of_the_list(
    settings: ServiceSettings, headers: dict[str, str], status: int
) -> None:
    async with serve(make_app(settings), headers=identity("u-1")) as client:
        answer = await client.post(f"{PREFIX}/items", json={"name": "abc"}, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert_problem(answer, 403)
        assert (await client.get(f"{PREFIX}/me", headers=headers)).status_code == 200  # reading needs none


async def test_two_origins_are_none(settings: ServiceSettings) -> None:
    async with serve(make_app(settings), headers=identity("u-1")) as client:
        headers = [("cookie", "dev_s_access=x"), ("origin", ORIGIN), ("origin", ORIGIN)]
        answer = await client.post(f"{PREFIX}/items", json={"name": "abc"}, headers=headers)
        assert_problem(answer, 403)


async def test_pages_follow_one_another(settings: ServiceSettings) -> None:
    async with serve(make_app(settings)) as client:
        seen: list[int] = []
        cursor: str | None = None
        for _ in range(3):
            page = (await client.get(f"{PREFIX}/items", params={"cursor": cursor} if cursor else {})).json()
            seen += page["items"]
            cursor = page["next_cursor"]
        assert (seen, cursor) == ([0, 1, 2, 3, 4], None)


@pytest.mark.parametrize("cursor", ["x", "é", "e30", "bnVsbA", "eyJhZnRlciI6MX0", "eyJhZnRlciI6IlwwMDAwIn0"])
async def test_a_cursor_of_somebody_else_is_refused(settings: ServiceSettings, cursor: str) -> None:
    async with serve(make_app(settings)) as client:
        assert_problem(await client.get(f"{PREFIX}/items", params={"cursor": cursor}), 404)
