"""The HTTP side: health, keys, tokens, metrics, and an echo of everything else."""

import asyncio
import math
import time
from collections import Counter
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from eco2_sample.identity import Identity
from eco2_sample.tokens import Issuer

TOKEN_PATH: Final = "/api/v1/auth/stand-in/token"  # noqa: S105  a path, no password
LONGEST_DELAY: Final = 60.0
"""Seconds that `?delay=` may have an answer take."""


class Application:
    """Handlers and what they share.

    Args:
        ready: whether GET /ready says so before the end has begun.
    """

    def __init__(self, identity: Identity, issuer: Issuer, *, ready: bool = True) -> None:
        self._identity = identity
        self._issuer = issuer
        self._ready = ready
        self._ending = False
        self._in_flight = 0
        self._answers: Counter[tuple[str, int]] = Counter()

    def build(self) -> web.Application:
        """For aiohttp."""
        app = web.Application(middlewares=[self._count])
        app.router.add_get("/health", self._health)
        app.router.add_get("/ready", self._readiness)
        app.router.add_get("/metrics/status", self._metrics)
        app.router.add_get("/.well-known/jwks.json", self._jwks)
        app.router.add_get(TOKEN_PATH, self._token)
        app.router.add_route("*", "/{path:.*}", self._echo)
        return app

    def end(self) -> None:
        """From now on every answer closes its connection, so that its client opens one to somebody else."""
        self._ending = True

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._in_flight += 1
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        finally:
            self._in_flight -= 1
        self._answers[request.method, response.status] += 1
        if self._ending:
            response.force_close()
        return response

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readiness(self, _: web.Request) -> web.Response:
        return web.Response(text="ok") if self._ready else web.Response(status=503, text="was told never to be ready")

    async def _metrics(self, _: web.Request) -> web.Response:
        lines = ["# TYPE sample_requests_in_flight gauge", f"sample_requests_in_flight {self._in_flight}"]
        lines.append("# TYPE sample_requests_total counter")
        for (method, status), count in sorted(self._answers.items()):
            lines.append(f'sample_requests_total{{method="{method}",status="{status}"}} {count}')
        return web.Response(text="\n".join([*lines, ""]), content_type="text/plain")

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response(self._issuer.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        subject, seconds = request.query.get("sub", "somebody"), _number(request, "ttl", 3600)
        token = self._issuer.issue(subject, now=int(time.time()), seconds=int(seconds))
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": int(seconds)})

    async def _echo(self, request: web.Request) -> web.Response:
        await asyncio.sleep(min(_number(request, "delay", 0), LONGEST_DELAY))
        return web.json_response(
            {
                "service": self._identity.service,
                "version": self._identity.version,
                "pod": self._identity.pod,
                "path": request.path_qs,
                "method": request.method,
                # In pairs, as they came: who trusts a header has to see it twice when it is there twice.
                "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers],
            }
        )


def _number(request: web.Request, name: str, default: float) -> float:
    try:
        number = float(request.query.get(name, default))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise web.HTTPBadRequest(text=f"{name}: must be a number of seconds")
    return number
