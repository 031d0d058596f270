"""The blacklist: how ext-authz is told that a token is worth nothing any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from redis.asyncio import Redis

from eco2_auth.tokens import LEEWAY_SECONDS, TokenPayload
from eco2_service.redis_client import redis_answers

CHANNEL: Final = "blacklist"
KEPT_SECONDS: Final = LEEWAY_SECONDS + 60
"""How long an entry outlives its token: whoever checks may have a clock that is behind."""


class Blacklist:
    """Revokes tokens by their ids.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, redis: Redis, *, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock

    async def add(self, payloads: Iterable[TokenPayload]) -> None:
        """Revoke these tokens, all or none. Raises RedisUnavailable: then none may be taken for revoked."""
        entries = {payload.jti: payload.exp + KEPT_SECONDS for payload in payloads}
        with redis_answers():
            async with self._redis.pipeline(transaction=True) as transaction:
                for jti, until in entries.items():
                    if until > self._clock():
                        transaction.set(f"blacklist:{jti}", 1, pxat=until * 1000)
                        transaction.publish(CHANNEL, jti)
                await transaction.execute()
