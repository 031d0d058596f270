"""What has to be remembered while a user is away at a provider: once, for ten minutes, and for one browser.

`state` names it (RFC 6749 section 10.12). Whoever comes back must also show the secret that was laid into the browser
as a cookie when the login began; otherwise somebody could have another person finish a login that they began
themselves. Redis has only hashes of both.
"""

import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Final

from redis.asyncio import Redis

SECONDS: Final = 600
"""How long a login may take, and how long the cookie with the browser's secret lives."""
_KEY: Final = "auth:login:"
_BYTES: Final = 32
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""32 random bytes in base64url: `state`, nonce, the browser's secret, and a code verifier (RFC 7636 section 4.1)."""


class LoginStateUnknown(Exception):
    """There is no such login: never begun, too old, or already finished."""


class LoginStateForeign(Exception):
    """The login was begun in another browser, or at another provider. It cannot be finished any more."""


@dataclass(frozen=True, slots=True)
class LoginState:
    """A login under way.

    Attributes:
        provider: where the user was sent.
        redirect_uri: where the user goes in the end; was checked against the allow-list.
        nonce: of the ID token.
        code_verifier: for PKCE.
        link_user_id: who wants the account added to theirs; None: an ordinary login.
        browser_hash: SHA-256, in hex, of the secret in the browser's cookie.
    """

    provider: str
    redirect_uri: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    link_user_id: str | None
    browser_hash: str = field(repr=False)

    def begun_in(self, browser_secret: str | None) -> bool:
        """Whether that is the browser's secret; takes the same time for every wrong one."""
        return hmac.compare_digest(_hash(browser_secret or ""), self.browser_hash)


@dataclass(frozen=True, slots=True)
class BegunLogin:
    """What a new login needs besides what is remembered.

    Attributes:
        state: for the provider.
        browser_secret: for the cookie: HttpOnly, Secure, SameSite=Lax, `SECONDS` long.
    """

    state: str = field(repr=False)
    browser_secret: str = field(repr=False)
    login: LoginState


class LoginStates:
    """Logins under way, in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(
        self, *, provider: str, redirect_uri: str, link_user_id: str | None = None, browser_secret: str | None = None
    ) -> BegunLogin:
        """Remember a new login.

        Args:
            browser_secret: of the cookie that the browser already has. It stays the same, so that logins begun in two
                tabs can both be finished. None or nothing of ours: a new one.

        Raises:
            redis.RedisError: nothing was remembered.
        """
        if browser_secret is None or not _SECRET.fullmatch(browser_secret):
            browser_secret = secrets.token_urlsafe(_BYTES)
        state = secrets.token_urlsafe(_BYTES)
        login = LoginState(
            provider=provider,
            redirect_uri=redirect_uri,
            nonce=secrets.token_urlsafe(_BYTES),
            code_verifier=secrets.token_urlsafe(_BYTES),
            link_user_id=link_user_id,
            browser_hash=_hash(browser_secret),
        )
        await self._redis.set(_KEY + _hash(state), json.dumps(asdict(login)), ex=SECONDS)
        return BegunLogin(state, browser_secret, login)

    async def take(self, *, provider: str, state: str | None, browser_secret: str | None) -> LoginState:
        """What was remembered, and forget it, also when it turns out not to be for this browser.

        Raises:
            LoginStateUnknown: there is nothing.
            LoginStateForeign: it is not of this browser, or not of this provider.
            redis.RedisError: nobody can tell.
        """
        if state is None or not _SECRET.fullmatch(state):
            raise LoginStateUnknown
        found = await self._redis.getdel(_KEY + _hash(state))
        if found is None:
            raise LoginStateUnknown
        login = LoginState(**json.loads(found))
        if not login.begun_in(browser_secret) or login.provider != provider:
            raise LoginStateForeign
        return login


def _hash(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
