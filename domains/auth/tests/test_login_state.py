"""The state of a login, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError
from support.redis import Redis, running

from eco2_auth.login_state import SECONDS, BegunLogin, LoginStateForeign, LoginStates, LoginStateUnknown

URI = "https://app.example.com/done"


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with running() as started:
        yield started


@pytest.fixture
async def client(server: Redis) -> AsyncIterator[Client]:
    server.do("FLUSHALL")
    async with Client(port=server.port) as opened:
        yield opened


@pytest.fixture
def states(client: Client) -> LoginStates:
    return LoginStates(client)


async def begin(states: LoginStates, provider: str = "google") -> BegunLogin:
    return await states.begin(provider=provider, redirect_uri=URI)


async def test_what_was_remembered_comes_back(states: LoginStates) -> None:
    begun = await states.begin(provider="kakao", redirect_uri=URI, link_user_id="7")
    found = await states.take(provider="kakao", state=begun.state, browser_secret=begun.browser_secret)
    assert found == begun.login
    assert (found.provider, found.redirect_uri, found.link_user_id) == ("kakao", URI, "7")


async def test_every_login_has_secrets_of_its_own(states: LoginStates) -> None:
    begun = [await begin(states) for _ in range(3)]
    values = {
        value
        for one in begun
        for value in (one.state, one.browser_secret, one.login.nonce, one.login.code_verifier, one.login.browser_hash)
    }
    assert len(values) == 15
    assert {len(one.login.code_verifier) for one in begun} == {43}  # RFC 7636: 43 to 128


async def test_it_is_good_once(states: LoginStates) -> None:
    begun = await begin(states)
    attempts = [
        states.take(provider="google", state=begun.state, browser_secret=begun.browser_secret) for _ in range(10)
    ]
    found = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(one) for one in found if one != begun.login] == [LoginStateUnknown] * 9


async def test_it_is_forgotten_after_ten_minutes(states: LoginStates, client: Client) -> None:
    assert SECONDS == 600
    begun = await begin(states)
    (key,) = await client.keys("*")
    assert SECONDS - 30 < await client.ttl(key) <= SECONDS
    await client.pexpire(key, 0)
    with pytest.raises(LoginStateUnknown):
        await states.take(provider="google", state=begun.state, browser_secret=begun.browser_secret)


@pytest.mark.parametrize("secret", [None, "", "x" * 43, "한", "\ud800", "x" * 100_000])
async def test_another_browser_cannot_finish_it_and_neither_can_the_first_one_then(
    states: LoginStates, secret: str | None
) -> None:
    begun = await begin(states)
    with pytest.raises(LoginStateForeign):
        await states.take(provider="google", state=begun.state, browser_secret=secret)
    with pytest.raises(LoginStateUnknown):
        await states.take(provider="google", state=begun.state, browser_secret=begun.browser_secret)


async def test_another_provider_cannot_finish_it(states: LoginStates) -> None:
    begun = await begin(states, "google")
    with pytest.raises(LoginStateForeign):
        await states.take(provider="naver", state=begun.state, browser_secret=begun.browser_secret)


@pytest.mark.parametrize("state", [None, "", "x" * 43, "*", "x" * 42 + "\n", "한" * 43, "x" * 1_000_000])
async def test_a_state_that_never_was(states: LoginStates, state: str | None) -> None:
    await begin(states)
    with pytest.raises(LoginStateUnknown):
        await states.take(provider="google", state=state, browser_secret="x" * 43)


async def test_two_tabs_of_a_browser(states: LoginStates) -> None:
    first = await begin(states)
    second = await states.begin(provider="naver", redirect_uri=URI, browser_secret=first.browser_secret)
    assert second.browser_secret == first.browser_secret
    assert second.state != first.state
    for begun, provider in ((first, "google"), (second, "naver")):
        assert await states.take(provider=provider, state=begun.state, browser_secret=second.browser_secret)


@pytest.mark.parametrize("cookie", ["", "short", "x" * 44, "x" * 42 + "=", "x" * 43 + "\n"])
async def test_a_cookie_that_is_not_ours_is_replaced(states: LoginStates, cookie: str) -> None:
    begun = await states.begin(provider="google", redirect_uri=URI, browser_secret=cookie)
    assert begun.browser_secret != cookie
    assert len(begun.browser_secret) == 43


async def test_redis_knows_neither_the_state_nor_the_browsers_secret(states: LoginStates, client: Client) -> None:
    begun = await begin(states)
    (key,) = await client.keys("*")
    kept = key + await client.get(key)
    assert begun.state.encode() not in kept
    assert begun.browser_secret.encode() not in kept


async def test_nothing_secret_is_shown(states: LoginStates) -> None:
    begun = await begin(states)
    login = begun.login
    shown = repr(begun)
    assert URI in shown
    for secret in (begun.state, begun.browser_secret, login.nonce, login.code_verifier, login.browser_hash):
        assert secret not in shown


async def test_without_redis_there_is_no_login() -> None:
    with running() as gone:
        port = gone.port
    async with Client(port=port, retry=None) as client:
        states = LoginStates(client)
        with pytest.raises(RedisError):
            await begin(states)
        with pytest.raises(RedisError):
            await states.take(provider="google", state="x" * 43, browser_secret=None)
