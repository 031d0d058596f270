"""What can be done to a request, and to a line of a watch."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Call(Protocol):
    """A request on its way, as an action sees it."""

    async def forward(self) -> web.StreamResponse:
        """Pass it on, and the answer back."""

    async def lose(self) -> web.StreamResponse:
        """Pass it on, and break the connection off when the answer is there."""

    def reset(self) -> web.StreamResponse:
        """Break the connection off (RST)."""

    async def stream(self, *lines: bytes) -> web.StreamResponse:
        """Answer as a watch that tells these lines and ends."""


@runtime_checkable
class Action(Protocol):
    """Done instead of passing a request on."""

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """Answer, or do not. `lifted` is set when the rule is over."""


@runtime_checkable
class LineAction(Protocol):
    """Done to a line of a watch."""

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """What is told instead, and whether the watch ends with it."""


def status(code: int, message: str = "a fault made by the test") -> dict[str, Any]:
    """A metav1.Status as the API server answers it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, ""),
        "code": code,
    }


def error(code: int) -> bytes:
    """An ERROR line of a watch."""
    return json.dumps({"type": "ERROR", "object": status(code)}).encode() + b"\n"


@dataclass(frozen=True)
class Status:
    """Answer with an HTTP status; the API server hears nothing."""

    code: int
    retry_after: int | None = None
    body: bytes | None = None
    """Instead of a metav1.Status."""

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        kind = "application/json" if self.body is None else "text/plain"
        body = json.dumps(status(self.code)).encode() if self.body is None else self.body
        return web.Response(status=self.code, body=body, headers={"Content-Type": kind, **headers})


@dataclass(frozen=True)
class Delay:
    """Pass it on so many seconds later, or when the rule is lifted."""

    seconds: float

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(lifted.wait(), self.seconds)
        return await call.forward()


@dataclass(frozen=True)
class Reset:
    """Break the connection off before the API server hears of it."""

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        return call.reset()


@dataclass(frozen=True)
class LoseReply:
    """Let the API server do it, and break the connection off instead of answering."""

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        return await call.lose()


@dataclass(frozen=True)
class Freeze:
    """Say nothing while the rule stands, then break the connection off."""

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        await lifted.wait()
        return call.reset()


@dataclass(frozen=True)
class Tell:
    """Answer a watch with these lines, and end it."""

    lines: tuple[bytes, ...]

    async def take(self, call: Call, lifted: asyncio.Event) -> web.StreamResponse:
        """See `Action`."""
        return await call.stream(*self.lines)


@dataclass(frozen=True)
class Drop:
    """Keep the line back."""

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """See `LineAction`."""
        return [], False


@dataclass(frozen=True)
class Repeat:
    """Tell the line so many times."""

    times: int

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """See `LineAction`."""
        return [line] * self.times, False


@dataclass(frozen=True)
class Truncate:
    """Tell half of the line and end the watch."""

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """See `LineAction`."""
        return [line[: len(line) // 2]], True


@dataclass(frozen=True)
class Garble:
    """Tell half of the line as if it were whole; the watch goes on."""

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """See `LineAction`."""
        return [line[: len(line) // 2] + b"\n"], False


@dataclass(frozen=True)
class Silence:
    """Say nothing from this line on while the rule stands, bookmarks included; then break the connection off."""

    def told(self, line: bytes) -> tuple[list[bytes], bool]:
        """See `LineAction`."""
        return [], True
