"""Sessions: opened by a login, gone on with by each refresh token's only use, closed by a logout.

A browser may send the same refresh token twice at once (two tabs): for a few seconds both get the same successor. Later
than that, one of the two users of the token has stolen it, and nobody can say which: the whole family is revoked
(RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from eco2_auth.blacklist import KEPT_SECONDS
from eco2_auth.errors import InvalidToken, TokenReused, UserGone
from eco2_auth.sessions import scripts
from eco2_auth.tokens import Pair, PairClaims, TokenPayload, Tokens
from eco2_service.redis_client import redis_answers

GRACE_SECONDS: Final = 10
"""After its first use: how long a refresh token gives the same successor."""
GONE_SECONDS: Final = 3_600
"""How long no session is opened for a deleted user: longer than a login that was under way may take."""
MOST_ACCESS_TOKENS: Final = 100
"""Of a session that are valid at the same time; the oldest is revoked for one more."""
MOST_SESSIONS: Final = 100
"""Of a user at the same time; the one that was not gone on with for longest is revoked for one more. What a script has
to go through stays small, while everybody else waits for Redis."""


@dataclass(frozen=True)
class Rotation:
    """What a refresh token was exchanged for.

    Args:
        repeated: the token had been used just before, and this is the pair it got then.
    """

    pair: Pair
    payload: TokenPayload
    repeated: bool


class Sessions:
    """All sessions. Every method raises RedisUnavailable.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, redis: Redis, tokens: Tokens, *, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._clock = clock
        self._open = redis.register_script(scripts.OPEN)
        self._rotate = redis.register_script(scripts.ROTATE)
        self._close = redis.register_script(scripts.CLOSE)
        self._close_of_access = redis.register_script(scripts.CLOSE_OF_ACCESS)
        self._close_all = redis.register_script(scripts.CLOSE_ALL)

    async def open(self, user_id: str, provider: str) -> Pair:
        """Begin a session. Raises UserGone, KeysUnavailable."""
        family = uuid.uuid4().hex
        pair = self._tokens.draw(user_id, provider, family)
        if not await self._run(self._open, MOST_SESSIONS, family, user_id, *_entry(pair)):
            raise UserGone
        return pair

    async def rotate(self, token: str) -> Rotation:
        """Exchange a refresh token. Raises InvalidToken, TokenReused, KeysUnavailable."""
        payload = await self._tokens.verify(token, "refresh")
        pair = self._tokens.draw(payload.sub, payload.provider, str(payload.family))
        successor = pair.claims.model_dump_json(exclude_none=True)
        outcome, *rest = await self._run(
            self._rotate, GRACE_SECONDS * 1000, token_hash(token), successor, *_entry(pair)
        )
        match outcome.decode():
            case "rotated":
                return Rotation(pair, payload, repeated=False)
            case "repeated":
                return Rotation(self._tokens.again(PairClaims.model_validate_json(rest[0])), payload, repeated=True)
            case "reused":
                raise TokenReused(user_id=payload.sub, provider=payload.provider, family=payload.family)
            case reason:
                raise InvalidToken(reason)

    async def close(self, family: str) -> None:
        """End a session: its refresh tokens are worth nothing, its access tokens are on the blacklist."""
        await self._run(self._close, family)

    async def close_of_access(self, payload: TokenPayload) -> None:
        """End the session that an access token is of."""
        await self._run(self._close_of_access, payload.sub, payload.jti)

    async def close_all(self, user_id: str) -> int:
        """End all sessions of a user who is being deleted, and let none begin. Returns how many there were."""
        return int(await self._run(self._close_all, user_id, GONE_SECONDS * 1000))

    async def _run(self, script: AsyncScript, *arguments: str | int) -> Any:
        now = int(self._clock() * 1000)
        with redis_answers():
            return await script(args=[now, KEPT_SECONDS * 1000, *arguments])


def token_hash(token: str) -> str:
    """Under which a token is known: who reads Redis cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _entry(pair: Pair) -> tuple[str | int, ...]:
    access, refresh = pair.claims.access, pair.claims.refresh
    return token_hash(pair.refresh), refresh.exp * 1000, access.jti, access.exp * 1000, MOST_ACCESS_TOKENS
