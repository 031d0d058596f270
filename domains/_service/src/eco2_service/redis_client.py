"""Redis, directly or by its sentinels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from eco2_service.problems import Unavailable

TIMEOUT_SECONDS: Final = 1.0
"""For a connection and for an answer: a request waits for it."""
SENTINEL_PORT: Final = 26379
_PASSING: Final = (ReadOnlyError, OutOfMemoryError, ClusterDownError, TryAgainError)
_PASSING_CODES: Final = re.compile(r"""(^|\(['"])(BUSY|MISCONF|NOREPLICAS) """)
"""What passes by itself though Redis does answer: a fail-over, no memory, no disk, no replicas, a script that runs.
redis-py has classes for some; of the others the text begins with the code, and so does what a pipeline quotes
(https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors)."""


class RedisUnavailable(Unavailable):
    """Redis does not answer."""

    def __init__(self) -> None:
        super().__init__("Redis does not answer; try again in a moment", slug="redis-unavailable")


def connect_redis(url: SecretStr | str) -> Redis:
    """A client; it connects when it is first used. Answers are bytes.

    Args:
        url: ``redis://``, ``rediss://``, ``unix://`` or ``redis+sentinel://[:password@]h1:26379,h2:26379/<master>/<db>``.

    Raises:
        ValueError: for another.
    """
    address = url.get_secret_value() if isinstance(url, SecretStr) else url
    if address.startswith("redis+sentinel://"):
        return _by_sentinels(address)
    client: Redis = Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=_retry(),
        retry_on_error=[ReadOnlyError],  # it was the primary when we connected: its name may lead to another by now
        health_check_interval=30,
    )
    return client


class _BySentinels(Redis):
    """Closes the connections to the sentinels too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections."""
        await super().aclose(close_connection_pool)
        pool = cast(SentinelConnectionPool, self.connection_pool)
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _by_sentinels(address: str) -> Redis:
    parts = urlsplit(address)
    master, _, database = parts.path.strip("/").partition("/")
    if not master:
        raise ValueError("redis+sentinel:// names the master in its path: redis+sentinel://host:26379/<master>/<db>")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        [_host_and_port(host) for host in hosts.split(",")],
        sentinel_kwargs={"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS},
    )
    client: Redis = sentinel.master_for(
        master,
        redis_class=_BySentinels,
        db=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=_retry(),
    )
    return client


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or SENTINEL_PORT


def _retry() -> Retry:
    """Once more at once for a connection that had died while it rested."""
    return Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.05), 1)


@contextmanager
def redis_answers() -> Iterator[None]:
    """Say RedisUnavailable when Redis does not answer in the block, or cannot for now.

    What else it refuses is the program's own error.
    """
    try:
        yield
    except ResponseError as error:
        if isinstance(error, _PASSING) or _PASSING_CODES.search(str(error)):
            raise RedisUnavailable from error
        raise
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisUnavailable from error
