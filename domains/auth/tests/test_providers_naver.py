"""Naver against the local one."""

from typing import Any

import httpx2
import pytest
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
    build_providers,
    refusal,
)
from eco2_auth.providers.naver import Naver
from eco2_identity_provider.testing import RunningProviders
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble

__all__ = ["identity_provider_server", "identity_providers", "provider_http"]


@pytest.fixture
def naver(identity_providers: RunningProviders, provider_http: Http) -> Provider:
    return build_providers(provider_settings(identity_providers), provider_http)["naver"]


async def reason(attempt: Any, error: type[ProviderError]) -> str:
    with pytest.raises(error) as raised:
        await attempt
    return raised.value.reason


async def test_a_login(naver: Provider, identity_providers: RunningProviders) -> None:
    found = await Login(naver).run("first")
    assert len(found.subject) == 43
    assert found == Profile(
        provider="naver",
        subject=found.subject,
        email="first@example.com",
        email_verified=False,
        nickname="첫째",
        picture="https://images.example.com/1.png",
    )


async def test_state_and_secret_are_sent_and_nothing_that_naver_does_not_know(
    naver: Provider, identity_providers: RunningProviders
) -> None:
    login = Login(naver)
    begun = query_of(await login.begin())
    assert begun == {
        "response_type": "code",
        "client_id": identity_providers.client("naver").id,
        "redirect_uri": callback_uri("naver"),
        "state": login.state,
    }
    await login.run()
    (call,) = identity_providers.calls("naver", Endpoint.TOKEN)
    assert call.parameters["state"] == login.state
    assert call.parameters["client_secret"] == identity_providers.client("naver").secret
    assert "code_verifier" not in call.parameters


async def test_another_state(naver: Provider) -> None:
    assert await reason(Login(naver).run(state="other"), ProviderRefused) == "it answered invalid_request"


async def test_an_error_comes_with_200(naver: Provider) -> None:
    login = Login(naver)
    callback = await login.come_back()
    await login.finish(callback)
    assert await reason(login.finish(callback), ProviderRefused) == "it answered invalid_request"


async def test_a_wrong_secret(identity_providers: RunningProviders, provider_http: Http) -> None:
    credentials = ProviderCredentials(identity_providers.client("naver").id, SecretStr("wrong"))
    url = identity_providers.issuer("naver")
    naver = Naver(url, url, credentials, provider_http)
    assert await reason(Login(naver).run(), ProviderRefused) == "it answered invalid_request"


async def test_the_user_says_no(naver: Provider) -> None:
    callback = await Login(naver).come_back("deny")
    assert isinstance(refusal("naver", callback.parameters["error"]), ProviderDenied)


async def test_a_callback_of_another_issuer(naver: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("naver", Trouble.MIX_UP):
        callback = await Login(naver).come_back()
    assert "another issuer" in await reason(Login(naver).finish(callback), ProviderAnswerInvalid)
    assert identity_providers.calls("naver", Endpoint.TOKEN) == []


async def test_a_callback_that_names_naver_is_good(naver: Provider, identity_providers: RunningProviders) -> None:
    assert await Login(naver).run(issuer=identity_providers.issuer("naver"))


async def test_no_consent_to_anything(naver: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("naver", Trouble.NO_PROFILE):
        found = await Login(naver).run("no-email")
    assert (found.email, found.email_verified, found.nickname, found.picture) == (None, False, None, None)


async def test_a_profile_without_a_subject(naver: Provider, identity_providers: RunningProviders) -> None:
    with identity_providers.trouble("naver", Trouble.NO_SUBJECT):
        assert "subject" in await reason(Login(naver).run(), ProviderAnswerInvalid)


@pytest.mark.parametrize(
    "body",
    [
        {"resultcode": "024", "message": "failed", "response": {"id": "1"}},
        {"resultcode": "00"},
        {"response": {"id": "1"}},
    ],
)
async def test_a_profile_that_is_none(body: dict[str, Any]) -> None:
    async def network(request: httpx2.Request) -> httpx2.Response:
        token = {"access_token": "t", "token_type": "bearer", "expires_in": "3600"}
        return httpx2.Response(200, json=token if request.method == "POST" else body)

    http = Http(transport=httpx2.MockTransport(network))
    naver = Naver("https://nid.naver.com", "https://openapi.naver.com", ProviderCredentials("us", SecretStr("s")), http)
    callback = Callback(callback_uri("naver"), {"code": "c"})
    assert await reason(Login(naver).finish(callback), ProviderAnswerInvalid) == "the profile is none"
    await http.close()


@pytest.mark.parametrize("endpoint", [Endpoint.TOKEN, Endpoint.PROFILE])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DOWN, ProviderFailed),
        (Fault.THROTTLED, ProviderFailed),
        (Fault.GARBAGE, ProviderAnswerInvalid),
        (Fault.EMPTY, ProviderAnswerInvalid),
        (Fault.MOVED, ProviderAnswerInvalid),
    ],
)
async def test_an_endpoint_that_fails(
    naver: Provider, identity_providers: RunningProviders, endpoint: Endpoint, fault: Fault, error: type[ProviderError]
) -> None:
    with identity_providers.trouble("naver", **{endpoint.value: fault}):
        await reason(Login(naver).run(), error)
