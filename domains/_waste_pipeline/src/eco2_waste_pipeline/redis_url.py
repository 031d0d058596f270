"""A synchronous client of Redis, directly or by its sentinels."""

from __future__ import annotations

from typing import Final, cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

TIMEOUT_SECONDS: Final = 0.5
"""For a connection and for an answer: a run waits for it, and can do without."""
SENTINEL_PORT: Final = 26379


def connect(url: SecretStr | str) -> Redis:
    """A client; it connects when it is first used. Answers are bytes.

    Raises:
        ValueError: for a URL that is not Redis'.
    """
    address = url.get_secret_value() if isinstance(url, SecretStr) else url
    if address.startswith("redis+sentinel://"):
        return _by_sentinels(address)
    return Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=_once_more(),
        health_check_interval=30,
    )


class _BySentinels(Redis):
    """Closes the connections to the sentinels too."""

    def close(self) -> None:
        super().close()
        pool = cast(SentinelConnectionPool, self.connection_pool)
        for sentinel in pool.sentinel_manager.sentinels:
            sentinel.close()


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
    client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        master,
        redis_class=_BySentinels,
        db=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=_once_more(),
    )
    return client


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or SENTINEL_PORT


def _once_more() -> Retry:
    """At once, for a connection that had died while it rested."""
    return Retry(NoBackoff(), 1)
