"""HTTP that keeps a deadline.

The time limits of an HTTP client are for single reads: a server that sends a byte now and then is never late. Here
every wait of the network ends with the deadline that is held (see `Deadline.held`), whatever came before it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore2
import httpx2

from eco2_waste_pipeline.deadline import held_deadline

MAX_CONNECTIONS: Final = 128
KEPT_CONNECTIONS: Final = 32
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class DeadlineTransport(httpx2.HTTPTransport):
    """Direct connections; proxies of the environment are not asked."""

    def __init__(self) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=_Backend(),
        )


class _Backend(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        limit = _limit(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, limit, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _limit(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _limit(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _limit(timeout, httpcore2.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _limit(timeout: float | None, late: type[httpcore2.TimeoutException]) -> float | None:
    """The shorter of the client's limit and what is left; raises `late` when nothing is."""
    deadline = held_deadline()
    if deadline is None:
        return timeout
    if deadline.is_over:
        raise late
    left = max(deadline.remaining(), 0.001)  # a socket takes 0 for "do not wait"
    return left if timeout is None else min(timeout, left)
