"""The local providers themselves: what a browser and a wrong client see, and what a test may script."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
import uvicorn
from support.redis import free_port
from support.waits import eventually

from eco2_identity_provider import testing
from eco2_identity_provider.application import create_world
from eco2_identity_provider.consent import USER_HEADER
from eco2_identity_provider.grants import CODE_SECONDS, TOKEN_SECONDS, Grant, Grants
from eco2_identity_provider.testing import REDIRECT_BASE, RunningProviders, running
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble
from eco2_identity_provider.users import USERS

AUTHORIZE = {"google": "/o/oauth2/v2/auth", "kakao": "/oauth/authorize", "naver": "/oauth2.0/authorize"}
TOKEN = {"google": "/token", "kakao": "/oauth/token", "naver": "/oauth2.0/token"}
PROFILE = {"google": "/v1/userinfo", "kakao": "/v2/user/me", "naver": "/v1/nid/me"}
NAMES = list(AUTHORIZE)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningProviders]:
    with running() as started:
        yield started


@pytest.fixture
def providers(server: RunningProviders) -> RunningProviders:
    server.reset()
    return server


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False) as client:
        yield client


def callback(name: str) -> str:
    return f"{REDIRECT_BASE}/api/v1/auth/{name}/callback"


def authorize(providers: RunningProviders, name: str, **changes: str | None) -> str:
    query = {
        "client_id": providers.client(name).id,
        "redirect_uri": callback(name),
        "response_type": "code",
        "state": "s",
        **({"scope": "openid email profile"} if name == "google" else {}),
        **changes,
    }
    sent = {key: value for key, value in query.items() if value is not None}
    return f"{providers.issuer(name)}{AUTHORIZE[name]}?{urlencode(sent)}"


def returned(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def code(http: httpx2.Client, providers: RunningProviders, name: str, **changes: str | None) -> str:
    return returned(http.get(authorize(providers, name, user="first", **changes)))["code"]


def redeem(http: httpx2.Client, providers: RunningProviders, name: str, given: str, **changes: str) -> httpx2.Response:
    client = providers.client(name)
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": callback(name),
        "client_id": client.id,
        "client_secret": client.secret,
        "state": "s",
        **changes,
    }
    return http.post(providers.issuer(name) + TOKEN[name], data=form)


def me(http: httpx2.Client, providers: RunningProviders, name: str, token: str, **query: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"}
    return http.get(providers.issuer(name) + PROFILE[name], headers=headers, params=query)


# The browser


@pytest.mark.parametrize("name", NAMES)
def test_a_person_chooses_on_a_page(http: httpx2.Client, providers: RunningProviders, name: str) -> None:
    page = http.get(authorize(providers, name, state='"><script>'))
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert page.text.count("<a href=") == len(USERS) + 1
    link = page.text.split('<a href="')[2].split('"')[0].replace("&amp;", "&")
    back = returned(http.get(httpx2.URL(page.url).join(link)))
    assert back["state"] == '"><script>'
    assert redeem(http, providers, name, back["code"], state='"><script>').json()["access_token"]


@pytest.mark.parametrize("name", NAMES)
def test_a_test_says_who_it_is(http: httpx2.Client, providers: RunningProviders, name: str) -> None:
    by_header = http.get(authorize(providers, name), headers={USER_HEADER: "second"})
    assert returned(by_header)["state"] == "s"
    denied = returned(http.get(authorize(providers, name, user="deny")))
    assert denied["error"] == "access_denied"
    assert denied["state"] == "s"
    assert http.get(authorize(providers, name, user="nobody")).status_code == 400


@pytest.mark.parametrize("name", NAMES)
def test_a_request_that_is_not_redirected(http: httpx2.Client, providers: RunningProviders, name: str) -> None:
    for change in ({"client_id": "x"}, {"redirect_uri": callback(name) + "/"}, {"redirect_uri": None}):
        answer = http.get(authorize(providers, name, user="first", **change))
        assert (answer.status_code, answer.headers.get("location")) == (400, None)


def test_what_google_refuses(http: httpx2.Client, providers: RunningProviders) -> None:
    for change in ({"response_type": "token"}, {"scope": "email"}, {"scope": None}):
        assert http.get(authorize(providers, "google", user="first", **change)).status_code == 400
    answer = http.get(authorize(providers, "google", user="first", code_challenge="x", code_challenge_method="plain"))
    assert returned(answer)["error"] == "invalid_request"


def test_what_kakao_refuses(http: httpx2.Client, providers: RunningProviders) -> None:
    assert http.get(authorize(providers, "kakao", user="first", response_type="token")).status_code == 400
    assert returned(http.get(authorize(providers, "kakao", scope="openid,birthday")))["error"] == "invalid_scope"


def test_naver_needs_a_state(http: httpx2.Client, providers: RunningProviders) -> None:
    for change in ({"state": None}, {"response_type": "token"}):
        assert returned(http.get(authorize(providers, "naver", user="first", **change)))["error"] == "invalid_request"


def test_only_google_names_itself(http: httpx2.Client, providers: RunningProviders) -> None:
    issuers = {name: returned(http.get(authorize(providers, name, user="first"))).get("iss") for name in NAMES}
    assert issuers == {"google": providers.issuer("google"), "kakao": None, "naver": None}


# Tokens


@pytest.mark.parametrize("name", NAMES)
def test_a_code_is_good_once_and_for_a_minute(http: httpx2.Client, name: str) -> None:
    now = 1_700_000_000.0
    world = create_world("http://local", REDIRECT_BASE, clock=lambda: now)
    grants = world.realms[name].grants
    grant = Grant(USERS["first"], callback(name), None, None, None, frozenset())
    first, second = grants.code(grant), grants.code(grant)
    assert grants.redeem(first) == grant
    assert grants.redeem(first) is None
    now += CODE_SECONDS
    assert grants.redeem(second) is None


def test_a_token_is_good_for_an_hour() -> None:
    now = 0.0
    grants = Grants(lambda: now)
    grant = Grant(USERS["first"], "", None, None, None, frozenset())
    token = grants.token(grant)
    assert grants.holder(token) == grant
    now += TOKEN_SECONDS
    assert grants.holder(token) is None
    assert grants.holder(None) is None


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


@pytest.mark.parametrize("name", ["google", "kakao"])
def test_the_verifier_counts(http: httpx2.Client, providers: RunningProviders, name: str) -> None:
    sent = {"code_challenge": challenge("right"), "code_challenge_method": "S256"}
    for changes in ({}, {"code_verifier": "wrong"}):
        answer = redeem(http, providers, name, code(http, providers, name, **sent), **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    answer = redeem(http, providers, name, code(http, providers, name, **sent), code_verifier="right")
    assert answer.status_code == 200


def test_naver_ignores_the_verifier_and_the_redirect_uri(http: httpx2.Client, providers: RunningProviders) -> None:
    given = code(http, providers, "naver", code_challenge=challenge("right"), code_challenge_method="S256")
    answer = redeem(http, providers, "naver", given, code_verifier="wrong", redirect_uri="https://elsewhere.example")
    assert answer.json()["expires_in"] == "3600"


def test_naver_takes_get(http: httpx2.Client, providers: RunningProviders) -> None:
    client = providers.client("naver")
    query = {"grant_type": "authorization_code", "client_id": client.id, "client_secret": client.secret, "state": "s"}
    answer = http.get(
        providers.issuer("naver") + TOKEN["naver"], params={**query, "code": code(http, providers, "naver")}
    )
    assert answer.json()["token_type"] == "bearer"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "x"}, "wrong client id / client secret pair"),
        ({"grant_type": "password"}, "unsupported grant_type"),
        ({"state": ""}, "state is missing"),
        ({"state": "other"}, "no valid data in session"),
        ({"code": "x"}, "no valid data in session"),
    ],
)
def test_naver_says_errors_with_200(
    http: httpx2.Client, providers: RunningProviders, changes: dict[str, str], error: str
) -> None:
    answer = redeem(http, providers, "naver", code(http, providers, "naver"), **changes)
    assert (answer.status_code, answer.json()["error_description"]) == (200, error)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "x"}, (401, "KOE010")),
        ({"client_id": "x"}, (401, "KOE010")),
        ({"grant_type": "password"}, (400, "KOE204")),
        ({"code": "x"}, (400, "KOE320")),
        ({"redirect_uri": "https://elsewhere.example"}, (400, "KOE303")),
    ],
)
def test_errors_of_kakao(
    http: httpx2.Client, providers: RunningProviders, changes: dict[str, str], error: tuple[int, str]
) -> None:
    answer = redeem(http, providers, "kakao", code(http, providers, "kakao"), **changes)
    assert (answer.status_code, answer.json()["error_code"]) == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "x"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"code": "x"}, (400, "invalid_grant")),
        ({"redirect_uri": "https://elsewhere.example"}, (400, "redirect_uri_mismatch")),
    ],
)
def test_errors_of_google(
    http: httpx2.Client, providers: RunningProviders, changes: dict[str, str], error: tuple[int, str]
) -> None:
    answer = redeem(http, providers, "google", code(http, providers, "google"), **changes)
    assert (answer.status_code, answer.json()["error"]) == error


@pytest.mark.parametrize(("header", "status"), [(None, 200), ("Basic !", 401), ("Basic /w==", 401)])
def test_google_takes_basic(http: httpx2.Client, providers: RunningProviders, header: str | None, status: int) -> None:
    client = providers.client("google")
    form = {
        "grant_type": "authorization_code",
        "code": code(http, providers, "google"),
        "redirect_uri": callback("google"),
    }
    url = providers.issuer("google") + TOKEN["google"]
    if header is None:
        answer = http.post(url, data=form, auth=(client.id, client.secret))
    else:
        answer = http.post(url, data=form, headers={"authorization": header})
    assert answer.status_code == status


def test_kakao_gives_an_id_token_only_with_openid(http: httpx2.Client, providers: RunningProviders) -> None:
    answers = [
        redeem(http, providers, "kakao", code(http, providers, "kakao", scope=scope)).json()
        for scope in (None, "openid,account_email", "account_email")
    ]
    assert ["id_token" in answer for answer in answers] == [True, True, False]


# Who somebody is


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_token(http: httpx2.Client, providers: RunningProviders, name: str) -> None:
    url = providers.issuer(name) + PROFILE[name]
    assert http.get(url).status_code == 401
    assert http.get(url, auth=("user", "password")).status_code == 401
    assert me(http, providers, name, "wrong").status_code == 401


def test_user_info_of_google(http: httpx2.Client, providers: RunningProviders) -> None:
    token = redeem(http, providers, "google", code(http, providers, "google", scope="openid email")).json()
    assert me(http, providers, "google", token["access_token"]).json() == {
        "sub": "100000000000000000001",
        "email": "first@example.com",
        "email_verified": True,
    }


def test_user_info_of_kakao(http: httpx2.Client, providers: RunningProviders) -> None:
    token = redeem(http, providers, "kakao", code(http, providers, "kakao")).json()["access_token"]
    found = me(http, providers, "kakao", token).json()
    assert found["id"] == 4_000_000_001
    assert found["kakao_account"]["profile"]["profile_image_url"].startswith("http://")
    assert found["kakao_account"]["is_email_verified"]
    secure = me(http, providers, "kakao", token, secure_resource="true").json()
    assert secure["kakao_account"]["profile"]["profile_image_url"].startswith("https://")
    standard = http.get(
        f"{providers.issuer('kakao')}/v1/oidc/userinfo", headers={"authorization": f"Bearer {token}"}
    ).json()
    assert (standard["sub"], standard["email"]) == ("4000000001", "first@example.com")
    assert http.get(f"{providers.issuer('kakao')}/v1/oidc/userinfo").status_code == 401


def test_kakao_keeps_what_was_not_agreed_to(http: httpx2.Client, providers: RunningProviders) -> None:
    given = code(http, providers, "kakao", scope="openid,profile_nickname")
    token = redeem(http, providers, "kakao", given).json()["access_token"]
    assert "email" not in me(http, providers, "kakao", token).json()["kakao_account"]


# What a test may script


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (Fault.SLOW, Fault.DRIP)])
def test_faults(http: httpx2.Client, providers: RunningProviders, fault: Fault) -> None:
    url = f"{providers.issuer('google')}/.well-known/openid-configuration"
    with providers.trouble("google", discovery=fault):
        answer = http.get(url)
    statuses = {Fault.DOWN: 500, Fault.THROTTLED: 429, Fault.MOVED: 302}
    assert answer.status_code == statuses.get(fault, 200)
    assert http.get(url).json()["issuer"] == providers.issuer("google")


@pytest.mark.parametrize(("fault", "status"), [(Fault.SLOW, 503), (Fault.DRIP, 200)])
def test_who_waits_long_enough_gets_an_answer(providers: RunningProviders, fault: Fault, status: int) -> None:
    url = f"{providers.issuer('google')}/.well-known/openid-configuration"
    with ThreadPoolExecutor(1) as pool:
        with providers.trouble("google", discovery=fault):
            waiting = pool.submit(httpx2.get, url, trust_env=False, timeout=60)
            eventually(lambda: providers.calls("google", Endpoint.DISCOVERY))
            assert not waiting.done()
        answer = waiting.result(60)
    assert (answer.status_code, answer.json()) == (status, {})


def control(http: httpx2.Client, providers: RunningProviders, name: str, body: Any) -> int:
    return http.put(f"{providers.url}/control/{name}", json=body).status_code


def test_another_process_scripts_by_http(http: httpx2.Client, providers: RunningProviders) -> None:
    assert control(http, providers, "kakao", {"troubles": ["denied"], "faults": {"token": "down"}}) == 204
    script = providers.realm("kakao").script
    assert Trouble.DENIED in script
    assert script.faults == {Endpoint.TOKEN: Fault.DOWN}
    kid = providers.realm("kakao").keys.kid
    assert http.post(f"{providers.url}/control/kakao/keys").status_code == 204
    assert providers.realm("kakao").keys.kid != kid
    assert http.delete(f"{providers.url}/control/kakao").status_code == 204
    assert Trouble.DENIED not in script


@pytest.mark.parametrize(
    "body", [[], 1, {"troubles": ["x"]}, {"troubles": 1}, {"faults": {"token": "x"}}, {"faults": []}]
)
def test_a_script_that_cannot_be_followed(http: httpx2.Client, providers: RunningProviders, body: Any) -> None:
    assert control(http, providers, "kakao", body) == 422


def test_there_are_three(http: httpx2.Client, providers: RunningProviders) -> None:
    assert control(http, providers, "github", {}) == 404
    assert http.delete(f"{providers.url}/control/github").status_code == 404
    assert http.post(f"{providers.url}/control/github/keys").status_code == 404
    assert http.get(f"{providers.url}/health").text == "ok"


def test_two_keys_are_published_after_a_rotation(http: httpx2.Client, providers: RunningProviders) -> None:
    keys = f"{providers.issuer('google')}/oauth2/v3/certs"
    providers.realm("google").keys.rotate()
    before = [key["kid"] for key in http.get(keys).json()["keys"] if key["kty"] == "RSA"]
    providers.realm("google").keys.rotate()
    after = [key["kid"] for key in http.get(keys).json()["keys"] if key["kty"] == "RSA"]
    assert len(before) == len(after) == 2
    assert after[1] == before[0]
    assert "d" not in http.get(keys).json()["keys"][1]


# The process


def test_it_says_when_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="do not start"), testing.running():
        raise AssertionError("it did")


@contextmanager
def process(**environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "eco2_identity_provider", "serve"]
    started = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.communicate(timeout=30)


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        ({"LISTEN_HOST": "0.0.0.0"}, "http://localhost:{port}"),  # noqa: S104  as in a pod
        ({"LISTEN_HOST": "127.0.0.1"}, "http://127.0.0.1:{port}"),
        ({"LISTEN_HOST": "127.0.0.1", "BASE_URL": "https://idp.eco2.test/"}, "https://idp.eco2.test"),
    ],
)
def test_it_runs_as_a_process(http: httpx2.Client, environment: dict[str, str], base: str) -> None:
    port = free_port()
    with process(LISTEN_PORT=str(port), **environment):
        eventually(lambda: answers(http, f"http://127.0.0.1:{port}/health"))
        found = http.get(f"http://127.0.0.1:{port}/google/.well-known/openid-configuration").json()
    assert found["issuer"] == f"{base.format(port=port)}/google"


def answers(http: httpx2.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == 200
    except httpx2.TransportError:
        return False
