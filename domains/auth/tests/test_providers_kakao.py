"""Kakao against the local one."""

from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from support.identity_provider import (
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
    build_providers,
    refusal,
)
from eco2_auth.providers.kakao import Kakao
from eco2_identity_provider import kakao as local_kakao
from eco2_identity_provider.testing import RunningProviders
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble

__all__ = ["identity_provider_server", "identity_providers", "provider_http"]


@pytest.fixture
def kakao(identity_providers: RunningProviders, provider_http: Http) -> Provider:
    return build_providers(provider_settings(identity_providers), provider_http)["kakao"]


async def reason(attempt: Any, error: type[ProviderError]) -> str:
    with pytest.raises(error) as raised:
        await attempt
    return raised.value.reason


async def test_a_login(kakao: Provider) -> None:
    assert await Login(kakao).run("second") == Profile(
        provider="kakao",
        subject="4000000002",
        email="second@example.com",
        email_verified=True,
        nickname="둘째",
        picture="https://images.example.com/2.png",
    )


async def test_no_scope_is_sent_but_what_the_discovery_lists(
    kakao: Provider, identity_providers: RunningProviders
) -> None:
    sent = query_of(await Login(kakao).begin())
    assert sorted(sent) == [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "response_type",
        "state",
    ]


async def test_neither_challenge_nor_nonce_where_the_discovery_does_not_list_them(
    kakao: Provider, identity_providers: RunningProviders
) -> None:
    with identity_providers.trouble("kakao", Trouble.NO_PKCE, Trouble.NO_NONCE_CLAIM):
        assert sorted(query_of(await Login(kakao).begin())) == ["client_id", "redirect_uri", "response_type", "state"]
        assert (await Login(kakao).run()).subject == "4000000001"
    (call,) = identity_providers.calls("kakao", Endpoint.TOKEN)
    assert "code_verifier" not in call.parameters


async def test_a_wrong_verifier_is_noticed(kakao: Provider) -> None:
    attempt = Login(kakao).run(code_verifier="v" * 43)
    assert await reason(attempt, ProviderRefused) == "it answered invalid_grant (KOE320)"


async def test_the_secret_goes_in_the_form(kakao: Provider, identity_providers: RunningProviders) -> None:
    await Login(kakao).run()
    (call,) = identity_providers.calls("kakao", Endpoint.TOKEN)
    assert "authorization" not in call.headers
    assert call.parameters["client_secret"] == identity_providers.client("kakao").secret


async def test_the_local_one_refuses_basic(identity_providers: RunningProviders) -> None:
    client = identity_providers.client("kakao")
    form = {"grant_type": "authorization_code", "code": "c", "redirect_uri": callback_uri("kakao")}
    async with httpx2.AsyncClient() as http:
        url = f"{identity_providers.issuer('kakao')}/oauth/token"
        answer = await http.post(url, data=form, auth=(client.id, client.secret))
    assert (answer.status_code, answer.json()["error_code"]) == (401, "KOE010")


async def test_a_wrong_secret(identity_providers: RunningProviders, provider_http: Http) -> None:
    credentials = ProviderCredentials(identity_providers.client("kakao").id, SecretStr("wrong"))
    kakao = Kakao(identity_providers.issuer("kakao"), credentials, provider_http)
    assert await reason(Login(kakao).run(), ProviderRefused) == "it answered invalid_client (KOE010)"


async def test_a_code_is_good_once_and_never_repeated(kakao: Provider) -> None:
    login = Login(kakao)
    callback = await login.come_back()
    await login.finish(callback)
    assert await reason(login.finish(callback), ProviderRefused) == "it answered invalid_grant (KOE320)"


async def test_another_redirect_uri(kakao: Provider) -> None:
    attempt = Login(kakao).run(redirect_uri="https://api.eco2.test/other")
    assert await reason(attempt, ProviderRefused) == "it answered invalid_grant (KOE303)"


@pytest.mark.parametrize(
    ("trouble", "email", "verified"),
    [
        (Trouble.NO_EMAIL, None, False),
        (Trouble.UNVERIFIED_EMAIL, "first@example.com", False),
        (Trouble.INVALID_EMAIL, None, False),
    ],
)
async def test_what_an_address_is_worth(
    kakao: Provider, identity_providers: RunningProviders, trouble: Trouble, email: str | None, verified: bool
) -> None:
    with identity_providers.trouble("kakao", trouble):
        found = await Login(kakao).run()
    assert (found.email, found.email_verified) == (email, verified)


async def test_no_consent_to_anything(kakao: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("kakao", Trouble.NO_PROFILE):
        found = await Login(kakao).run("no-email")
    assert found == Profile("kakao", "4000000004", None, False, None, None)


async def test_the_user_says_no(kakao: Provider) -> None:
    callback = await Login(kakao).come_back("deny")
    assert callback.parameters["error_description"] == "User denied access"
    assert isinstance(refusal("kakao", callback.parameters["error"]), ProviderDenied)


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Trouble.NO_ID_TOKEN, "missing"),
        (Trouble.WRONG_NONCE, "not of this login"),
        (Trouble.WRONG_AUDIENCE, "not for us"),
        (Trouble.EXPIRED, "expired_token"),
        (Trouble.FORGED, "no good signature"),
        (Trouble.OTHER_USER, "another user"),
        (Trouble.OTHER_ISSUER, "another issuer"),
        (Trouble.STRANGE_ENDPOINT, "userinfo_endpoint"),
        (Trouble.MIX_UP, "another issuer"),
    ],
)
async def test_answers_that_must_not_be_believed(
    kakao: Provider, identity_providers: RunningProviders, trouble: Trouble, why: str
) -> None:
    with identity_providers.trouble("kakao", trouble):
        assert why in await reason(Login(kakao).run(), ProviderAnswerInvalid)


async def test_a_subject_that_cannot_be_one(
    kakao: Provider, identity_providers: RunningProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = local_kakao.id_token
    monkeypatch.setattr(local_kakao, "id_token", lambda realm, _subject, *rest: whole(realm, "a b", *rest))
    assert "subject" in await reason(Login(kakao).run(), ProviderAnswerInvalid)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DOWN, ProviderFailed),
        (Fault.THROTTLED, ProviderFailed),
        (Fault.EMPTY, ProviderAnswerInvalid),
        (Fault.LIST, ProviderAnswerInvalid),
        (Fault.HUGE, ProviderAnswerInvalid),
    ],
)
async def test_the_user_api_fails(
    kakao: Provider, identity_providers: RunningProviders, fault: Fault, error: type[ProviderError]
) -> None:
    with identity_providers.trouble("kakao", profile=fault):
        await reason(Login(kakao).run(), error)
