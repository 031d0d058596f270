"""What providers are asked, and what comes of odd answers, without any of them."""

import asyncio
import json

import httpx2
import pytest
from pydantic import SecretStr

from eco2_auth.providers import Http, ProviderCredentials, ProviderError, ProviderFailed
from eco2_auth.providers.cached import Cached
from eco2_auth.providers.naver import Naver


async def test_who_waits_for_a_document_waits_for_one_failure() -> None:
    asked, answer = 0, asyncio.Event()

    async def fetch() -> object:
        nonlocal asked
        asked += 1
        await answer.wait()
        raise ProviderFailed("google", "took too long")

    cached = Cached(fetch, 10.0)
    waiting = [asyncio.create_task(cached.get()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever asked first has left
    await asyncio.sleep(0)
    answer.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(isinstance(outcome, ProviderFailed) for outcome in outcomes[1:])
    assert asked == 1
    with pytest.raises(ProviderFailed):  # and is not held against who asks later
        await cached.get()
    assert asked == 2


@pytest.mark.parametrize(
    "answer", [{"access_token": "x", "expires_in": float("inf")}, {"access_token": "x", "expires_in": []}, [], 1, None]
)
@pytest.mark.parametrize("status", [200, 400])
async def test_a_token_answer_of_any_shape_is_no_error_of_ours(answer: object, status: int) -> None:
    http = Http(transport=httpx2.MockTransport(lambda _: httpx2.Response(status, content=json.dumps(answer))))
    naver = Naver("https://n.test", "https://api.n.test", ProviderCredentials("id", SecretStr("secret")), http)
    with pytest.raises(ProviderError):
        await naver.profile(code="c", state="s", nonce="n", code_verifier="v", redirect_uri="https://r", issuer=None)
    await http.close()
