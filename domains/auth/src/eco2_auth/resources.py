"""What lives as long as the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from eco2_auth.blacklist import Blacklist
from eco2_auth.cookies import Cookies
from eco2_auth.keys.bundle import read_bundle
from eco2_auth.keys.key import Keys
from eco2_auth.keys.ring import KeyRing
from eco2_auth.keys.shared_secret import SharedSecret
from eco2_auth.keys.store import KeyStore
from eco2_auth.login import Logins
from eco2_auth.login_state import LoginStates
from eco2_auth.outbox import Outbox
from eco2_auth.providers import Http, build_providers
from eco2_auth.redirects import RedirectAllowList
from eco2_auth.sessions.sessions import Sessions
from eco2_auth.settings import Settings
from eco2_auth.store import Accounts
from eco2_auth.tokens import LEEWAY_SECONDS, Tokens
from eco2_service.database import Database
from eco2_service.loops import Loop
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer
from eco2_service.problems import Unavailable
from eco2_service.rate_limit import RateLimit
from eco2_service.redis_client import connect_redis, redis_answers

KEYS_INTERVAL: Final = 60.0
"""Seconds between two looks of a process at the published keys."""
OUTBOX_INTERVAL: Final = 2.0
"""Seconds between two looks for messages that are due; a login of this process wakes it at once."""

Check = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Resources:
    """Everything that requests need."""

    settings: Settings
    cookies: Cookies
    keys: Keys
    tokens: Tokens
    sessions: Sessions
    blacklist: Blacklist
    accounts: Accounts
    logins: Logins
    limits: Mapping[str, RateLimit]
    checks: Mapping[str, Check]


def open_resources(settings: Settings) -> Callable[[Metrics], AbstractAsyncContextManager[Resources]]:
    """For `create_app`: opens all with the process and closes it at its end."""

    @asynccontextmanager
    async def opened(metrics: Metrics) -> AsyncIterator[Resources]:
        async with AsyncExitStack() as stack:
            yield await _open(settings, metrics, stack)

    return opened


async def _open(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Resources:
    database = Database.from_settings(settings, name="eco2-auth", metrics=metrics)
    stack.push_async_callback(database.close)
    redis = connect_redis(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    http = Http(observe=metrics.dependency)
    stack.push_async_callback(http.close)

    async def check_redis() -> None:
        with redis_answers():
            await redis.ping()

    checks: dict[str, Check] = {"postgres": database.check, "redis": check_redis}
    keys = await _keys(settings, database, checks, stack)
    tokens = Tokens(
        keys,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        access_ttl=settings.access_ttl,
        refresh_ttl=settings.refresh_ttl,
    )
    sessions, accounts = Sessions(redis, tokens), Accounts(database)
    logins = Logins(
        providers=build_providers(settings.providers, http),
        states=LoginStates(redis),
        allowed=RedirectAllowList.parse(settings.frontend_redirect_allow),
        accounts=accounts,
        sessions=sessions,
        callback_base=settings.oauth_redirect_base,
        on_change=await _deliveries(settings, database, metrics, stack),
    )
    per_minute = {"login": settings.login_per_minute, "callback": settings.login_per_minute}
    per_minute["refresh"] = settings.refresh_per_minute
    return Resources(
        settings=settings,
        cookies=Cookies.from_settings(settings),
        keys=keys,
        tokens=tokens,
        sessions=sessions,
        blacklist=Blacklist(redis),
        accounts=accounts,
        logins=logins,
        limits={name: RateLimit(redis, f"auth-{name}", count=count) for name, count in per_minute.items()},
        checks=checks,
    )


async def _keys(settings: Settings, database: Database, checks: dict[str, Check], stack: AsyncExitStack) -> Keys:
    if settings.jwt_algorithm == "HS256":
        return SharedSecret(settings.jwt_secret_key.get_secret_value())
    lifetime = max(settings.access_ttl, settings.refresh_ttl) + LEEWAY_SECONDS
    bundle = read_bundle(settings.jwt_signing_keys.get_secret_value())
    ring = KeyRing(bundle, KeyStore(database), lifetime=lifetime)
    with suppress(Unavailable):  # then the process is not ready until the loop has managed
        await ring.refresh()
    await stack.enter_async_context(Loop("keys", ring.refresh, interval=KEYS_INTERVAL))
    checks["keys"] = ring.check
    return ring


async def _deliveries(
    settings: Settings, database: Database, metrics: Metrics, stack: AsyncExitStack
) -> Callable[[], None]:
    """Begin to deliver what waits. Returns what to call when there is something new."""
    if settings.my_url is None:
        return lambda: None
    peer = Peer("my", settings.my_url, metrics=metrics, token=settings.service_token)
    stack.push_async_callback(peer.close)
    outbox = Outbox(database, peer)
    return (await stack.enter_async_context(Loop("outbox", outbox.deliver, interval=OUTBOX_INTERVAL))).wake
