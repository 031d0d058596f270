"""What was in pictures that come again. A cache that fails is a cache that knows nothing."""

from __future__ import annotations

from typing import Final, Protocol, Self

import structlog
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError

from eco2_waste_pipeline.redis_url import connect

PREFIX: Final = "waste-pipeline:"
log = structlog.get_logger("eco2.pipeline")


class Cache(Protocol):
    """Keeps bytes for a while. It never raises."""

    def get(self, key: str) -> bytes | None:
        """What was kept under this key, or None."""
        ...

    def set(self, key: str, value: bytes, seconds: int) -> None:
        """Keep `value`, or do not."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class NoCache:
    """Keeps nothing."""

    def get(self, key: str) -> bytes | None:
        """None."""
        return None

    def set(self, key: str, value: bytes, seconds: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class RedisCache:
    """Redis, asked synchronously.

    Args:
        redis: answers bytes; it is closed with the cache.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @classmethod
    def from_url(cls, url: SecretStr | str) -> Self:
        """A cache in this Redis; it connects when it is first asked.

        Args:
            url: ``redis://``, ``rediss://``, ``unix://`` or ``redis+sentinel://[:password@]h1:26379,h2:26379/<master>/<db>``.

        Raises:
            ValueError: for another.
        """
        return cls(connect(url))

    def get(self, key: str) -> bytes | None:
        """What was kept; None when there is nothing, or Redis does not answer."""
        try:
            value = self._redis.get(PREFIX + key)
        except (RedisError, OSError) as error:
            log.warning("cache not read", error=type(error).__name__)
            return None
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: bytes, seconds: int) -> None:
        """Keep it, if Redis answers."""
        try:
            self._redis.set(PREFIX + key, value, ex=seconds)
        except (RedisError, OSError) as error:
            log.warning("cache not written", error=type(error).__name__)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
