"""Sessions on a real Redis: rotation, grace, reuse, and their end."""

import asyncio
import hashlib
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from redis.asyncio import Redis as Client
from support.auth import ACCESS_TTL, REFRESH_TTL, Clock, FixedKeys, part, tokens
from support.redis import Redis, running

from eco2_auth.blacklist import KEPT_SECONDS
from eco2_auth.errors import InvalidToken, TokenReused, UserGone
from eco2_auth.sessions import sessions as module
from eco2_auth.sessions.sessions import GRACE_SECONDS, Sessions
from eco2_auth.tokens import Pair, Tokens
from eco2_service.redis_client import RedisUnavailable, connect_redis

USER = "5e8d1b1e-0000-4000-8000-000000000001"


@pytest.fixture
def keys(pems: tuple[str, str, str]) -> FixedKeys:
    return FixedKeys(pems[0])


@pytest.fixture
def sessions(redis_client: Client, keys: FixedKeys, clock: Clock) -> Sessions:
    return Sessions(redis_client, tokens(keys, clock), clock=clock)


async def revoked(client: Client, *pairs: Pair) -> list[bool]:
    return [bool(await client.exists(f"blacklist:{pair.claims.access.jti}")) for pair in pairs]


async def refused(rotation: Awaitable[Any]) -> str:
    with pytest.raises(InvalidToken) as error:
        await rotation
    return error.value.reason


async def test_a_chain_of_refreshes(sessions: Sessions, redis_client: Client, clock: Clock) -> None:
    first = await sessions.open(USER, "kakao")
    pair = first
    for _ in range(3):
        clock.pass_(86_400)
        rotation = await sessions.rotate(pair.refresh)
        assert not rotation.repeated
        assert rotation.payload.jti == pair.claims.refresh.jti
        claims = rotation.pair.claims
        assert (claims.refresh.sub, claims.refresh.provider) == (USER, "kakao")
        assert claims.refresh.family == first.claims.refresh.family
        assert claims.refresh.exp == int(clock()) + REFRESH_TTL
        pair = rotation.pair
    assert await redis_client.keys("blacklist:*") == []


async def test_fifty_uses_at_once_get_one_successor(redis_server: Redis, keys: FixedKeys, clock: Clock) -> None:
    clients = [connect_redis(redis_server.url) for _ in range(5)]  # as many processes
    several = [Sessions(client, tokens(keys, clock), clock=clock) for client in clients]
    first = await several[0].open(USER, "kakao")
    rotations = await asyncio.gather(*(several[n % 5].rotate(first.refresh) for n in range(50)))
    assert len({(rotation.pair.access, rotation.pair.refresh) for rotation in rotations}) == 1
    assert sum(not rotation.repeated for rotation in rotations) == 1
    states = await clients[0].keys("auth:refresh:*")
    assert len(states) == 2
    assert await clients[0].zcard(f"auth:family:{first.claims.refresh.family}:access") == 2
    again = await asyncio.gather(*(several[n % 5].rotate(rotations[0].pair.refresh) for n in range(50)))
    assert len({rotation.pair.refresh for rotation in again}) == 1
    for client in clients:
        await client.aclose()


async def test_reuse_after_the_grace_ends_everything(sessions: Sessions, redis_client: Client, clock: Clock) -> None:
    other = await sessions.open(USER, "kakao")
    first = await sessions.open(USER, "kakao")
    second = (await sessions.rotate(first.refresh)).pair
    clock.pass_(GRACE_SECONDS - 0.5)
    assert (await sessions.rotate(first.refresh)).pair == second
    third = (await sessions.rotate(second.refresh)).pair
    clock.pass_(0.5)
    with pytest.raises(TokenReused) as reused:
        await sessions.rotate(first.refresh)
    assert (reused.value.user_id, reused.value.family) == (USER, first.claims.refresh.family)
    assert await revoked(redis_client, first, second, third, other) == [True, True, True, False]
    for pair in (first, second, third):
        assert await refused(sessions.rotate(pair.refresh)) == "revoked"
    await sessions.rotate(other.refresh)


async def test_what_is_revoked_stays_so_until_it_has_expired_and_is_published(
    sessions: Sessions, redis_client: Client
) -> None:
    pair = await sessions.open(USER, "kakao")
    async with redis_client.pubsub() as subscriber:
        await subscriber.subscribe("blacklist")
        await subscriber.get_message(timeout=5)
        await sessions.close(str(pair.claims.refresh.family))
        message = await subscriber.get_message(timeout=5)
    assert message is not None
    jti = pair.claims.access.jti
    assert message["data"] == jti.encode()
    assert await redis_client.pexpiretime(f"blacklist:{jti}") == (pair.claims.access.exp + KEPT_SECONDS) * 1000
    assert await redis_client.get(f"blacklist:{jti}") == b"1"


async def test_reuse_at_once_by_many_is_one_revocation(sessions: Sessions, redis_client: Client, clock: Clock) -> None:
    first = await sessions.open(USER, "kakao")
    second = (await sessions.rotate(first.refresh)).pair
    clock.pass_(60)
    uses = [first.refresh] * 10 + [second.refresh] * 10
    outcomes = await asyncio.gather(*(sessions.rotate(token) for token in uses), return_exceptions=True)
    assert sum(isinstance(outcome, TokenReused) for outcome in outcomes) == 1
    assert await revoked(redis_client, first, second) == [True, True]
    for outcome in outcomes:  # whoever was in time has nothing of it
        if not isinstance(outcome, BaseException):
            assert await revoked(redis_client, outcome.pair) == [True]
            assert await refused(sessions.rotate(outcome.pair.refresh)) == "revoked"


async def test_nothing_of_a_token_is_stored(sessions: Sessions, redis_client: Client) -> None:
    first = await sessions.open(USER, "kakao")
    second = (await sessions.rotate(first.refresh)).pair
    names = [key.decode() for key in await redis_client.keys("*")]
    assert f"auth:refresh:{hashlib.sha256(second.refresh.encode()).hexdigest()}" in names
    stored = "".join(names)
    for name in names:
        stored += str(await redis_client.dump(name))
    for token in (first.refresh, first.access, second.refresh, second.access):
        for piece in token.split("."):
            assert piece[:40] not in stored


async def test_everything_expires_by_itself(sessions: Sessions, redis_client: Client) -> None:
    pair = await sessions.open(USER, "kakao")
    await sessions.rotate(pair.refresh)
    await sessions.close_all("another-user")
    latest = (pair.claims.refresh.exp + KEPT_SECONDS + 60) * 1000
    names = await redis_client.keys("*")
    assert len(names) == 7
    for name in names:
        assert 0 < await redis_client.pexpiretime(name) <= latest, name
    assert await redis_client.pttl(next(name for name in names if b"successor" in name)) <= (GRACE_SECONDS + 1) * 1000


async def test_a_token_that_is_not_known_any_more(sessions: Sessions, redis_client: Client) -> None:
    pair = await sessions.open(USER, "kakao")
    await redis_client.flushdb()
    assert await refused(sessions.rotate(pair.refresh)) == "unknown"
    assert await refused(sessions.rotate(pair.access)) == "type"
    assert await refused(sessions.rotate("nonsense")) == "no token"


async def test_within_the_grace_a_session_may_have_ended(sessions: Sessions) -> None:
    pair = await sessions.open(USER, "kakao")
    await sessions.rotate(pair.refresh)
    await sessions.close(str(pair.claims.refresh.family))
    assert await refused(sessions.rotate(pair.refresh)) == "revoked"


async def test_a_key_that_was_taken_away_within_the_grace(
    sessions: Sessions, keys: FixedKeys, pems: tuple[str, ...]
) -> None:
    pair = await sessions.open(USER, "kakao")
    await sessions.rotate(pair.refresh)
    old = keys.bundle[0]
    keys.bundle = FixedKeys(pems[1]).bundle
    with pytest.MonkeyPatch.context() as patch:

        async def find(_: object) -> object:
            return old

        patch.setattr(keys, "find", find)
        assert "taken away" in await refused(sessions.rotate(pair.refresh))


async def test_an_access_token_leads_to_its_session(sessions: Sessions, redis_client: Client) -> None:
    other = await sessions.open(USER, "google")
    first = await sessions.open(USER, "kakao")
    second = (await sessions.rotate(first.refresh)).pair
    await sessions.close_of_access(first.claims.access)
    assert await revoked(redis_client, first, second, other) == [True, True, False]
    assert await refused(sessions.rotate(second.refresh)) == "revoked"
    await sessions.close_of_access(first.claims.access)
    await sessions.rotate(other.refresh)


async def test_all_sessions_of_a_deleted_user_end_and_none_begins(sessions: Sessions, redis_client: Client) -> None:
    pairs = [await sessions.open(USER, provider) for provider in ("google", "kakao", "naver")]
    stranger = await sessions.open("somebody-else", "kakao")
    assert await sessions.close_all(USER) == 3
    assert await revoked(redis_client, *pairs, stranger) == [True, True, True, False]
    for pair in pairs:
        assert await refused(sessions.rotate(pair.refresh)) == "revoked"
    with pytest.raises(UserGone):
        await sessions.open(USER, "google")
    assert await sessions.close_all(USER) == 0
    await sessions.rotate(stranger.refresh)


async def test_a_session_has_so_many_access_tokens(
    sessions: Sessions, redis_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ACCESS_TOKENS", 3)
    pairs = [await sessions.open(USER, "kakao")]
    for _ in range(4):
        pairs.append((await sessions.rotate(pairs[-1].refresh)).pair)
    assert sorted(await revoked(redis_client, *pairs)) == [False, False, False, True, True]


async def test_a_user_has_so_many_sessions(
    sessions: Sessions, redis_client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 3)
    stranger = await sessions.open("somebody-else", "kakao")
    pairs = []
    for _ in range(3):
        clock.pass_(1)
        pairs.append(await sessions.open(USER, "kakao"))
    clock.pass_(1)
    pairs[0] = (await sessions.rotate(pairs[0].refresh)).pair  # the idlest is the second now
    clock.pass_(1)
    pairs.append(await sessions.open(USER, "google"))
    assert await revoked(redis_client, *pairs, stranger) == [False, True, False, False, False]
    assert await refused(sessions.rotate(pairs[1].refresh)) == "revoked"
    assert await redis_client.zcard(f"auth:user:{USER}:families") == 3


async def test_tokens_of_longer_lives_that_were_given_before_end_too(
    redis_client: Client, keys: FixedKeys, clock: Clock
) -> None:
    def living(access: int, refresh: int) -> Sessions:
        made = Tokens(keys, issuer=None, audience=None, access_ttl=access, refresh_ttl=refresh, clock=clock)
        return Sessions(redis_client, made, clock=clock)

    before, after = living(6000, 12_000), living(10, 20)  # ACCESS_TTL and REFRESH_TTL were changed in between
    first = await before.open(USER, "kakao")
    await after.rotate(first.refresh)
    clock.pass_(20 + KEPT_SECONDS + 1)
    await after.open(USER, "kakao")
    await after.close_all(USER)
    assert await revoked(redis_client, first) == [True]


async def test_expired_access_tokens_are_forgotten(sessions: Sessions, redis_client: Client, clock: Clock) -> None:
    first = await sessions.open(USER, "kakao")
    clock.pass_(ACCESS_TTL + KEPT_SECONDS + 1)
    second = (await sessions.rotate(first.refresh)).pair
    family = f"auth:family:{second.claims.refresh.family}"
    assert await redis_client.zrange(f"{family}:access", 0, -1) == [second.claims.access.jti.encode()]
    await sessions.close(str(second.claims.refresh.family))
    assert await revoked(redis_client, first, second) == [False, True]


async def test_access_tokens_may_outlive_refresh_tokens(redis_client: Client, keys: FixedKeys, clock: Clock) -> None:
    short = Tokens(keys, issuer=None, audience=None, access_ttl=600, refresh_ttl=60, clock=clock)
    sessions = Sessions(redis_client, short, clock=clock)
    pair = await sessions.open(USER, "kakao")
    other = await sessions.open(USER, "kakao")
    clock.pass_(300)
    await sessions.close_of_access(pair.claims.access)
    assert await revoked(redis_client, pair, other) == [True, False]
    assert await sessions.close_all(USER) == 1
    assert await revoked(redis_client, other) == [True]
    assert await redis_client.pexpiretime(f"blacklist:{other.claims.access.jti}") > clock() * 1000


async def test_without_redis_nothing_succeeds(keys: FixedKeys, clock: Clock) -> None:
    with running() as server:
        client = connect_redis(server.url)
        sessions = Sessions(client, tokens(keys, clock), clock=clock)
        pair = await sessions.open(USER, "kakao")
        await asyncio.to_thread(server.kill)
        for step in (sessions.open(USER, "kakao"), sessions.rotate(pair.refresh), sessions.close_all(USER)):
            with pytest.raises(RedisUnavailable):
                await step
        await asyncio.to_thread(server.start)
        await sessions.rotate(pair.refresh)
        await client.aclose()


class Family(RuleBasedStateMachine):
    """One family, used by one or several who have its tokens, against what a list of tokens says."""

    server: Redis
    keys: FixedKeys

    def __init__(self) -> None:
        super().__init__()
        self.server.do("FLUSHALL")
        self.loop = asyncio.new_event_loop()
        self.client = connect_redis(self.server.url)
        self.clock = Clock()
        self.sessions = Sessions(self.client, tokens(self.keys, self.clock), clock=self.clock)
        self.pairs = [self._run(self.sessions.open(USER, "kakao"))]
        self.used: dict[int, float] = {}
        self.revoked = False

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self._run(self.client.aclose())
        self.loop.close()

    @rule(seconds=st.sampled_from([0.1, 4, 9.9, 10, 3600]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_(seconds)

    @precondition(lambda self: len(self.pairs) < 6)
    @rule(data=st.data(), times=st.integers(1, 3))
    def use(self, data: st.DataObject, times: int) -> None:
        number = data.draw(st.integers(0, len(self.pairs) - 1))
        token = self.pairs[number].refresh

        async def at_once() -> list[Any]:
            return await asyncio.gather(*(self.sessions.rotate(token) for _ in range(times)), return_exceptions=True)

        outcomes = self._run(at_once())
        used_at = self.used.get(number)
        if self.revoked:
            assert all(isinstance(outcome, InvalidToken) for outcome in outcomes)
        elif used_at is None:
            assert len({outcome.pair.refresh for outcome in outcomes}) == 1
            assert sum(not outcome.repeated for outcome in outcomes) == 1
            self.used[number] = self.clock()
            self.pairs.append(outcomes[0].pair)
        elif int(self.clock() * 1000) - int(used_at * 1000) < GRACE_SECONDS * 1000:
            assert {outcome.pair.refresh for outcome in outcomes} == {self.pairs[number + 1].refresh}
            assert all(outcome.repeated for outcome in outcomes)
        else:
            assert sum(isinstance(outcome, TokenReused) for outcome in outcomes) == 1
            self.revoked = True

    @invariant()
    def access_tokens_are_as_the_family(self) -> None:
        with suppress(AttributeError):
            assert set(self._run(revoked(self.client, *self.pairs))) == {self.revoked}


def test_any_order_of_uses(redis_server: Redis, keys: FixedKeys) -> None:
    machine = type("Machine", (Family,), {"server": redis_server, "keys": keys})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=12, deadline=None))


async def test_claims_in_the_grace_hold_no_signature(sessions: Sessions, redis_client: Client) -> None:
    pair = await sessions.open(USER, "kakao")
    successor = (await sessions.rotate(pair.refresh)).pair
    name = (await redis_client.keys("auth:successor:*"))[0]
    stored = await redis_client.get(name)
    assert part(successor.refresh, 1)["jti"].encode() in stored
    assert successor.refresh.rsplit(".", 1)[1].encode() not in stored
