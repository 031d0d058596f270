"""Google, and what all of them share, against the local one."""

import asyncio
import base64
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from support.identity_provider import (
    Callback,
    Login,
    callback_uri,
    identity_provider_server,
    identity_providers,
    provider_http,
    provider_settings,
    query_of,
)

from eco2_auth.providers import (
    Http,
    Profile,
    Provider,
    ProviderAnswerInvalid,
    ProviderCredentials,
    ProviderDenied,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    ProviderSettings,
    build_providers,
    oauth,
    profile,
    refusal,
)
from eco2_auth.providers.cached import Cached
from eco2_auth.providers.discovery import read_metadata
from eco2_auth.providers.google import Google
from eco2_auth.providers.id_token import Expected, check_id_token
from eco2_auth.providers.keys import read_keys
from eco2_identity_provider import google as local_google
from eco2_identity_provider.testing import RunningProviders
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble

__all__ = ["identity_provider_server", "identity_providers", "provider_http"]
ISSUER = "https://accounts.google.com"


@pytest.fixture
def google(identity_providers: RunningProviders, provider_http: Http) -> Provider:
    return build_providers(provider_settings(identity_providers), provider_http)["google"]


async def reason(attempt: Any, error: type[ProviderError]) -> str:
    with pytest.raises(ProviderError) as raised:
        await attempt
    assert type(raised.value) is error, raised.value
    assert raised.value.retryable is (error is ProviderFailed)
    return raised.value.reason


# Signing in


async def test_a_login(google: Provider) -> None:
    assert await Login(google).run("first") == Profile(
        provider="google",
        subject="100000000000000000001",
        email="first@example.com",
        email_verified=True,
        nickname="첫째",
        picture="https://images.example.com/1.png",
    )


async def test_what_the_browser_is_sent_with(google: Provider, identity_providers: RunningProviders) -> None:
    login = Login(google)
    sent = query_of(await login.begin())
    challenge = base64.urlsafe_b64encode(sha256(login.code_verifier.encode()).digest()).decode().rstrip("=")
    assert sent == {
        "response_type": "code",
        "client_id": identity_providers.client("google").id,
        "redirect_uri": callback_uri("google"),
        "scope": "openid email profile",
        "state": login.state,
        "nonce": login.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


async def test_the_challenge_is_sent_even_where_it_is_not_announced(
    google: Provider, identity_providers: RunningProviders
) -> None:
    with identity_providers.trouble("google", Trouble.NO_PKCE):
        assert query_of(await Login(google).begin())["code_challenge_method"] == "S256"


async def test_a_subject_that_cannot_be_one(
    google: Provider, identity_providers: RunningProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = local_google.id_token
    monkeypatch.setattr(local_google, "id_token", lambda realm, _subject, *rest: whole(realm, "a b", *rest))
    assert "subject" in await reason(Login(google).run(), ProviderAnswerInvalid)


async def test_the_secret_goes_in_the_form(google: Provider, identity_providers: RunningProviders) -> None:
    await Login(google).run()
    (call,) = identity_providers.calls("google", Endpoint.TOKEN)
    assert call.method == "POST"
    assert "authorization" not in call.headers
    assert call.parameters["client_secret"] == identity_providers.client("google").secret


async def test_an_address_that_was_not_verified(google: Provider, identity_providers: RunningProviders) -> None:
    found = await Login(google).run("unverified")
    assert (found.email, found.email_verified) == ("unverified@example.com", False)
    with identity_providers.trouble("google", Trouble.UNVERIFIED_EMAIL):
        assert not (await Login(google).run("first")).email_verified


async def test_no_address_and_no_profile(google: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("google", Trouble.NO_EMAIL, Trouble.NO_PROFILE):
        found = await Login(google).run()
    assert found == Profile("google", "100000000000000000001", None, False, None, None)


async def test_logins_side_by_side_are_not_mixed(google: Provider) -> None:
    names = ["first", "second", "unverified", "no-email"] * 5
    found = await asyncio.gather(*(Login(google).run(name) for name in names))
    assert [profile.subject[-1] for profile in found] == ["1", "2", "3", "4"] * 5


async def test_discovery_and_keys_are_fetched_once(google: Provider, identity_providers: RunningProviders) -> None:
    await asyncio.gather(*(Login(google).run() for _ in range(5)))
    assert len(identity_providers.calls("google", Endpoint.DISCOVERY)) == 1
    assert len(identity_providers.calls("google", Endpoint.KEYS)) == 1


async def test_a_new_key_of_the_provider_is_fetched_at_once(
    google: Provider, identity_providers: RunningProviders
) -> None:
    await Login(google).run()
    identity_providers.realm("google").keys.rotate()
    assert (await Login(google).run()).subject
    assert len(identity_providers.calls("google", Endpoint.KEYS)) == 2


# The callback


async def test_the_user_says_no(google: Provider) -> None:
    callback = await Login(google).come_back("deny")
    error = refusal("google", callback.parameters["error"])
    assert isinstance(error, ProviderDenied)
    assert str(error) == "google: the user did not agree"


async def test_the_provider_gives_up(google: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("google", Trouble.FAILED):
        callback = await Login(google).come_back()
    assert refusal("google", callback.parameters["error"]).retryable


@pytest.mark.parametrize("error", ["", "<script>", "4/0Acode", "INVALID_GRANT"])
def test_unknown_errors_are_not_repeated(error: str) -> None:
    found = refusal("google", error, error)
    assert isinstance(found, ProviderRefused)
    assert found.reason == "it answered an unknown error"


async def test_a_code_of_another_issuer_is_not_sent(google: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("google", Trouble.MIX_UP):
        callback = await Login(google).come_back()
    assert "another issuer" in await reason(Login(google).finish(callback), ProviderAnswerInvalid)
    assert identity_providers.calls("google", Endpoint.TOKEN) == []


async def test_a_callback_has_to_name_the_issuer_when_that_is_announced(
    google: Provider, identity_providers: RunningProviders
) -> None:
    with identity_providers.trouble("google", Trouble.NO_ISS):
        callback = await Login(google).come_back()
    assert "does not name" in await reason(Login(google).finish(callback), ProviderAnswerInvalid)
    assert identity_providers.calls("google", Endpoint.TOKEN) == []


async def test_a_callback_without_issuer_is_good_when_none_is_announced(
    google: Provider, identity_providers: RunningProviders
) -> None:
    with identity_providers.trouble("google", Trouble.NO_ISS, Trouble.UNANNOUNCED_ISS):
        assert await Login(google).run()


# The code


async def test_a_code_is_good_once(google: Provider) -> None:
    login = Login(google)
    callback = await login.come_back()
    await login.finish(callback)
    assert await reason(login.finish(callback), ProviderRefused) == "it answered invalid_grant"


@pytest.mark.parametrize(
    ("other", "answer"),
    [
        ({"code": "4/0Aanother+code%2F"}, "invalid_grant"),
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"redirect_uri": "https://api.eco2.test/other"}, "redirect_uri_mismatch"),
    ],
)
async def test_what_was_begun_otherwise(google: Provider, other: dict[str, str], answer: str) -> None:
    assert await reason(Login(google).run(**other), ProviderRefused) == f"it answered {answer}"


async def test_a_wrong_secret(identity_providers: RunningProviders, provider_http: Http) -> None:
    credentials = ProviderCredentials(identity_providers.client("google").id, SecretStr("wrong"))
    google = Google(identity_providers.issuer("google"), credentials, provider_http)
    assert await reason(Login(google).run(), ProviderRefused) == "it answered invalid_client"


# The ID token


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Trouble.NO_ID_TOKEN, "missing"),
        (Trouble.WRONG_NONCE, "not of this login"),
        (Trouble.NO_NONCE_CLAIM, "not of this login"),
        (Trouble.WRONG_AUDIENCE, "not for us"),
        (Trouble.SHARED_AUDIENCE, "another client"),
        (Trouble.WRONG_PARTY, "another client"),
        (Trouble.WRONG_ISSUER, "not for us"),
        (Trouble.EXPIRED, "expired_token"),
        (Trouble.FROM_THE_FUTURE, "not for now"),
        (Trouble.FORGED, "no good signature"),
        (Trouble.UNKNOWN_KEY, "unknown key"),
        (Trouble.NAMELESS_KEY, "no good signature"),
        (Trouble.UNSIGNED, "no good signature"),
        (Trouble.SYMMETRIC, "no good signature"),
        (Trouble.NO_SUBJECT, "not for us"),
    ],
)
async def test_an_id_token_that_must_not_be_believed(
    google: Provider, identity_providers: RunningProviders, trouble: Trouble, why: str
) -> None:
    with identity_providers.trouble("google", trouble):
        assert why in await reason(Login(google).run(), ProviderAnswerInvalid)


def expected(**changes: Any) -> Expected:
    values: dict[str, Any] = {"provider": "google", "issuers": frozenset({ISSUER, "accounts.google.com"})}
    return Expected(**{**values, "client_id": "us", "nonce": "n", **changes})


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k"}, private=True)


def signed(key: RSAKey, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "us", "sub": "1", "nonce": "n", "iat": now, "exp": now + 60, **changes}
    return jwt.encode({"alg": "RS256", "kid": "k"}, claims, key)


@pytest.mark.parametrize("issuer", [ISSUER, "accounts.google.com"])
def test_google_names_itself_in_two_ways(key: RSAKey, issuer: str) -> None:
    assert check_id_token(signed(key, iss=issuer), {"k": key}, expected(), time.time())["iss"] == issuer


def test_one_audience_in_a_list_is_one(key: RSAKey) -> None:
    assert check_id_token(signed(key, aud=["us"]), {"k": key}, expected(), time.time())


def test_without_a_nonce_sent_none_is_asked_for(key: RSAKey) -> None:
    assert check_id_token(signed(key), {"k": key}, expected(nonce=None), time.time())


def test_clocks_may_differ_a_little(key: RSAKey) -> None:
    token = signed(key)
    for later in (-25, 85):
        assert check_id_token(token, {"k": key}, expected(), time.time() + later)
    for later in (-40, 100):
        with pytest.raises(ProviderAnswerInvalid):
            check_id_token(token, {"k": key}, expected(), time.time() + later)


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": 1},
        {"nonce": "ñ"},
        {"aud": ["us", "them"]},
        {"aud": 1},
        {"iss": [ISSUER]},
        {"exp": "soon"},
        {"azp": ""},
    ],
)
def test_claims_of_another_kind(key: RSAKey, changes: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerInvalid):
        check_id_token(signed(key, **changes), {"k": key}, expected(), time.time())


@pytest.mark.parametrize("token", [None, 1, "", "a.b", "a.b.c", "ñ.b.c", "e30.e30.", f"{'W' * 40_000}.e30.e30"])
def test_what_is_no_token(key: RSAKey, token: object) -> None:
    with pytest.raises(ProviderAnswerInvalid):
        check_id_token(token, {"k": key}, expected(), time.time())


def test_a_payload_of_brackets(key: RSAKey) -> None:
    token = jws.serialize_compact({"alg": "RS256", "kid": "k"}, b"[" * 90_000, key)
    with pytest.raises(ProviderAnswerInvalid):
        check_id_token(token, {"k": key}, expected(), time.time())


# Keys and discovery


def test_keys_that_are_not_for_us_are_ignored(key: RSAKey) -> None:
    good = key.as_dict(private=False)
    small = {**good, "n": base64.urlsafe_b64encode(b"\xff" * 64).decode().rstrip("=")}
    document = {
        "keys": [
            good | {"kid": "good", "x5c": ["nobody reads this"]},
            good | {"kid": "enc", "use": "enc"},
            good | {"kid": "ps", "alg": "PS256"},
            good | {"kid": 1},
            small | {"kid": "small"},
            {"kty": "RSA", "kid": "empty"},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": []},
            {"kty": "EC", "kid": "ec"},
            "no key",
        ]
    }
    assert list(read_keys("google", document)) == ["good"]


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": None}])
def test_what_is_no_key_set(document: dict[str, Any]) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="no keys"):
        read_keys("google", document)


DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": "https://oauth2.example.com/token",
    "jwks_uri": f"{ISSUER}/keys",
}


def test_a_discovery_of_few_words() -> None:
    found = read_metadata("google", ISSUER, DISCOVERY | {"claims_supported": "nonce"})
    assert (found.s256, found.nonce, found.names_issuer, found.userinfo_endpoint) == (False, False, False, None)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "address",
    [
        None,
        1,
        "",
        "/token",
        "http://oauth2.example.com/token",
        "file:///etc/passwd",
        "https://user@example.com/",
        "https://example.com/#fragment",
        "https://[::1/",
        "https:///token",
    ],
)
def test_endpoints_that_cannot_be_used(name: str, address: object) -> None:
    with pytest.raises(ProviderAnswerInvalid, match=name):
        read_metadata("google", ISSUER, DISCOVERY | {name: address})


@pytest.mark.parametrize("issuer", [None, f"{ISSUER}/", "https://ACCOUNTS.google.com", "https://example.com"])
def test_a_discovery_of_somebody_else(issuer: object) -> None:
    with pytest.raises(ProviderAnswerInvalid, match="another issuer"):
        read_metadata("google", ISSUER, DISCOVERY | {"issuer": issuer})


@pytest.mark.parametrize("trouble", [Trouble.OTHER_ISSUER, Trouble.STRANGE_ENDPOINT])
async def test_a_bad_discovery_is_not_kept(
    google: Provider, identity_providers: RunningProviders, trouble: Trouble
) -> None:
    with identity_providers.trouble("google", trouble):
        await reason(Login(google).begin(), ProviderAnswerInvalid)
    assert await Login(google).begin()


async def test_a_document_is_kept_for_its_time() -> None:
    now, fetched = 0.0, 0

    async def fetch() -> object:
        nonlocal fetched
        fetched += 1
        return object()

    cached = Cached(fetch, 10.0, lambda: now)
    first = await cached.get()
    now = 9.9
    assert await cached.get() is first
    second, third = await asyncio.gather(cached.get(newer_than=first), cached.get(newer_than=first))
    assert second is third is not first
    now = 19.8
    assert await cached.get() is second
    now = 19.9
    assert await cached.get() is not second
    assert fetched == 3


# Failures of the network and of the provider


@pytest.mark.parametrize("endpoint", [Endpoint.DISCOVERY, Endpoint.KEYS, Endpoint.TOKEN])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DOWN, ProviderFailed),
        (Fault.THROTTLED, ProviderFailed),
        (Fault.GARBAGE, ProviderAnswerInvalid),
        (Fault.LIST, ProviderAnswerInvalid),
        (Fault.EMPTY, ProviderAnswerInvalid),
        (Fault.HUGE, ProviderAnswerInvalid),
        (Fault.COMPRESSED, ProviderAnswerInvalid),
        (Fault.MOVED, ProviderAnswerInvalid),
    ],
)
async def test_an_endpoint_that_fails(
    google: Provider, identity_providers: RunningProviders, endpoint: Endpoint, fault: Fault, error: type[ProviderError]
) -> None:
    with identity_providers.trouble("google", **{endpoint.value: fault}):
        await reason(_login(google), error)
    assert await Login(google).run()


async def _login(google: Provider) -> Profile:
    return await Login(google).run()


@pytest.mark.parametrize("endpoint", [Endpoint.DISCOVERY, Endpoint.KEYS, Endpoint.TOKEN])
@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.DRIP])
async def test_an_endpoint_that_takes_its_time(
    identity_providers: RunningProviders, endpoint: Endpoint, fault: Fault
) -> None:
    http = Http(seconds=0.3)
    google = build_providers(provider_settings(identity_providers), http)["google"]
    with identity_providers.trouble("google", **{endpoint.value: fault}):
        assert "longer than 0.3 s" in await reason(_login(google), ProviderFailed)
    await http.close()


async def test_nobody_listens(identity_providers: RunningProviders, provider_http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    google = Google(f"http://127.0.0.1:{port}", ProviderCredentials("us", SecretStr("s")), provider_http)
    assert await reason(Login(google).begin(), ProviderFailed) == "the discovery could not be reached"


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(400, json={"access_token": "t"}),
        httpx2.Response(201, json={"access_token": "t"}),
        httpx2.Response(302, json={"access_token": "t"}, headers={"location": "/"}),
        httpx2.Response(200, json={"access_token": 1}),
        httpx2.Response(200, json={"access_token": "t", "expires_in": "soon"}),
        httpx2.Response(200, json={"access_token": "t", "expires_in": [1]}),
        httpx2.Response(200, content=b"\xff"),
        httpx2.Response(200, content=b"[" * 200_000),
    ],
)
async def test_a_token_answer_of_another_kind(answer: httpx2.Response) -> None:
    async def network(request: httpx2.Request) -> httpx2.Response:
        return answer if request.method == "POST" else httpx2.Response(200, json=DISCOVERY)

    http = Http(transport=httpx2.MockTransport(network))
    google = Google(ISSUER, ProviderCredentials("us", SecretStr("s")), http)
    why = await reason(Login(google).finish(_callback()), ProviderAnswerInvalid)
    assert why.startswith("the token endpoint")
    await http.close()


@pytest.mark.parametrize("error", [1, None, ["invalid_grant"]])
async def test_an_error_of_another_kind(error: object) -> None:
    async def network(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, json={"error": error}) if request.method == "POST" else _discovery()

    http = Http(transport=httpx2.MockTransport(network))
    google = Google(ISSUER, ProviderCredentials("us", SecretStr("s")), http)
    await reason(Login(google).finish(_callback()), ProviderRefused)
    await http.close()


def _discovery() -> httpx2.Response:
    return httpx2.Response(200, json=DISCOVERY)


def _callback() -> Callback:
    return Callback(callback_uri("google"), {"code": "c"})


async def test_a_call_that_is_refused() -> None:
    http = Http(transport=httpx2.MockTransport(lambda _: httpx2.Response(403, text="no")))
    assert await reason(http.get_object("google", "it", ISSUER, bearer="t"), ProviderRefused) == "it answered 403"
    await http.close()


@pytest.mark.parametrize("endpoint", [Endpoint.DISCOVERY, Endpoint.TOKEN])
@pytest.mark.parametrize(
    ("fault", "why"), [(Fault.HUGE, "is too large"), (Fault.COMPRESSED, "is compressed"), (Fault.MOVED, "answered 302")]
)
async def test_why_an_answer_is_not_read(
    google: Provider, identity_providers: RunningProviders, endpoint: Endpoint, fault: Fault, why: str
) -> None:
    with identity_providers.trouble("google", **{endpoint.value: fault}):
        assert (await reason(_login(google), ProviderAnswerInvalid)).endswith(why)


async def test_cookies_of_a_provider_are_not_kept() -> None:
    seen: list[httpx2.Headers] = []

    async def network(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers)
        return httpx2.Response(200, json={}, headers={"set-cookie": "session=1; Path=/"})

    http = Http(transport=httpx2.MockTransport(network))
    for _ in range(2):
        await http.get_object("google", "it", ISSUER)
    assert ["cookie" in headers for headers in seen] == [False, False]
    await http.close()


# Around it


async def test_calls_are_measured(identity_providers: RunningProviders) -> None:
    seen: list[tuple[str, type[BaseException] | None]] = []

    @contextmanager
    def observe(name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            seen.append((name, type(error)))
            raise
        seen.append((name, None))

    http = Http(observe=observe, seconds=30.0)
    google = build_providers(provider_settings(identity_providers), http)["google"]
    await Login(google).run()
    assert seen == [("google", None)] * 3
    with identity_providers.trouble("google", token=Fault.DOWN):
        await reason(_login(google), ProviderFailed)
    assert seen[-1] == ("google", httpx2.HTTPStatusError)
    await http.close()


async def test_nothing_secret_is_logged_or_raised(
    google: Provider, identity_providers: RunningProviders, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = Login(google)
    callback = await login.come_back()
    caplog.clear()
    await login.finish(callback)
    with pytest.raises(ProviderError) as error:
        await login.finish(callback)
    secrets = [callback.code, login.code_verifier, login.nonce, identity_providers.client("google").secret, "eyJ"]
    said = caplog.text + str(error.value) + repr(error.value)
    assert [secret for secret in secrets if secret in said] == []
    assert error.value.__suppress_context__


def test_a_provider_without_credentials_does_not_exist() -> None:
    assert build_providers(ProviderSettings(), Http()) == {}
    settings = ProviderSettings(naver=ProviderCredentials("id", SecretStr("secret")))
    assert list(build_providers(settings, Http())) == ["naver"]
    assert "secret" not in repr(settings).replace("client_secret", "")


def test_authlib_runs_on_the_same_http_client_as_everything_else() -> None:
    assert issubclass(oauth.AsyncOAuth2Client, httpx2.AsyncClient)


# What of a profile is kept


@pytest.mark.parametrize(
    ("value", "kept"), [("1", "1"), ("a" * 255, "a" * 255), ("a" * 256, None), ("", None), (1, None), ("a b", None)]
)
def test_subjects(value: object, kept: str | None) -> None:
    assert profile.subject(value) == kept


@pytest.mark.parametrize("value", ["한", "a\0", "a\n"])
def test_subjects_are_plain(value: str) -> None:
    assert profile.subject(value) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a@example.com", "a@example.com"),
        ("가@예시.한국", "가@예시.한국"),
        ("example.com", None),
        ("a b@example.com", None),
        ("a@example.com\r\nBcc: b@example.com", None),
        (f"{'a' * 320}@example.com", None),
        (None, None),
    ],
)
def test_addresses(value: object, kept: str | None) -> None:
    assert profile.email(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [("첫째", "첫째"), ("  a \n\0 b ", "a b"), ("a" * 200, "a" * 100), ("\u202e", None), ("", None), ({}, None)],
)
def test_nicknames(value: object, kept: str | None) -> None:
    assert profile.nickname(value) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://images.example.com/1.png", "https://images.example.com/1.png"),
        ("http://images.example.com/1.png", None),
        ("javascript:alert(1)", None),
        ("https://a b", None),
        (f"https://{'a' * 2048}", None),
        (None, None),
    ],
)
def test_pictures(value: object, kept: str | None) -> None:
    assert profile.picture(value) == kept
