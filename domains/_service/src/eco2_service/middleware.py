"""What surrounds every request: its id, its line in the log, and an answer when the program fails."""

from __future__ import annotations

import time
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eco2_service.problems import problem_response
from eco2_service.request_scope import HEADER, enter_request

QUIET: Final = frozenset({"/health", "/ready", "/metrics/status"})
"""Asked every few seconds by machines: logged only when they fail."""
BODY_LIMIT: Final = 1024 * 1024
"""Bytes of a request's body. All of it is in memory before it is looked at, and whoever may ask may send any amount."""
INTERNAL_BODY_LIMIT: Final = 8 * 1024 * 1024
"""Of one that the gateway does not let in: domains may tell each other more."""
INTERNAL_PREFIX: Final = "/api/v1/internal/"
_HEADER: Final = HEADER.encode()
_CACHE_CONTROL: Final = b"cache-control"
"""What says nothing of it is about one user, and stays in no cache (RFC 9111, section 5.2.2.5)."""
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
log = structlog.get_logger("eco2.access")


class RequestMiddleware:
    """Gives each request an id that its answer and its logs carry, and logs it. Plain ASGI: no task, no queue."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (https://asgi.readthedocs.io/en/latest/specs/www.html)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = enter_request(_single(scope, _HEADER))
        answer = _Answer(send, (_HEADER, identifier.encode()))
        begin = time.perf_counter()
        try:
            await self._app(scope, _limited(receive, scope["path"]), answer.send)
        except Exception:
            log.exception("unexpected error", method=scope["method"], path=scope["path"])
            if answer.status:  # the answer has begun: the connection must end, or it would look complete
                raise
            response = problem_response(500, "Something went wrong here; it has been noted", request_id=identifier)
            await response(scope, receive, answer.send)
        finally:
            if scope["path"] not in QUIET or answer.status >= 500:
                log.info("request", **_line(scope, answer.status, time.perf_counter() - begin))


def _limited(receive: Receive, path: str) -> Receive:
    """Receive no more than the limit; beyond it, raise what is answered with 413."""
    limit = INTERNAL_BODY_LIMIT if path.startswith(INTERNAL_PREFIX) else BODY_LIMIT
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, f"The body of this request has at most {limit} bytes")
        return message

    return limited


class _Answer:
    """Adds to an answer what all have, and remembers its status."""

    def __init__(self, send: Send, header: tuple[bytes, bytes]) -> None:
        self._send = send
        self._header = header
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if not any(name == _CACHE_CONTROL for name, _ in headers):
                headers.append((_CACHE_CONTROL, b"no-store"))
            message["headers"] = [*headers, _NOSNIFF, self._header]
        await self._send(message)


def _single(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _line(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    route = scope.get("route")
    return {
        "method": scope["method"],
        "path": scope["path"],
        "route": getattr(route, "path", None),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
