"""A load generator for HTTP/1.1: connections that each ask again as soon as they are answered.

It does as little as it can, since it shares a core with PostgreSQL: one prepared request, and of each answer only the
status and where it ends.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import cast

import httptools


@dataclass(frozen=True)
class Span:
    """What a span of load came to.

    Args:
        rate: answers in a second.
        p50, p99: milliseconds from the request to the end of its answer.
    """

    rate: float
    p50: float
    p99: float


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, statuses: frozenset[int], done: asyncio.Future[None]) -> None:
        self._request = request
        self._statuses = statuses
        self._done = done
        self._parser = httptools.HttpResponseParser(self)
        self._began = 0.0
        self.times: list[float] = []
        self.until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.times.append(now - self._began)
        status = self._parser.get_status_code()
        if status not in self._statuses:
            self._fail(RuntimeError(f"the server answered {status}"))
        elif now >= self.until:
            self._transport.close()
        else:
            self._parser = httptools.HttpResponseParser(self)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._fail(exc)
        elif not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)
        self._transport.close()


async def load(
    port: int, path: str, headers: dict[str, str], *, connections: int, seconds: float, statuses: frozenset[int]
) -> Span:
    """Ask a server on the loopback for a while. Raises RuntimeError for an answer of another status."""
    lines = [f"GET {path} HTTP/1.1", f"host: 127.0.0.1:{port}", *(f"{name}: {text}" for name, text in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    futures: list[asyncio.Future[None]] = []
    protocols: list[_Connection] = []
    for _ in range(connections):
        done = loop.create_future()
        connection = _Connection(request, statuses, done)
        connection.until = begin + seconds
        futures.append(done)
        protocols.append(connection)
        await loop.create_connection(lambda given=connection: given, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*futures)
    elapsed = time.perf_counter() - begin
    times = sorted(seconds for protocol in protocols for seconds in protocol.times)
    return Span(
        rate=len(times) / elapsed,
        p50=times[len(times) // 2] * 1000,
        p99=times[min(len(times) - 1, int(len(times) * 0.99))] * 1000,
    )
