"""An issuer of keys on a real port, that can misbehave."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from tests.unit.eco2_authz.tokens import document, rsa_jwk, rsa_key

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Issuer:
    """Answers every path with `answer`, and counts."""

    def __init__(self) -> None:
        self.answer: Answer = text(document(rsa_jwk(rsa_key())))
        self.requests: list[web.Request] = []
        self.port = 0

    def url(self, path: str = "/jwks.json") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def publishes(self, *names: str) -> None:
        """RSA keys of these names; equal names are equal keys."""
        self.answer = text(document(*(rsa_jwk(rsa_key(name), name) for name in names)))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)


def text(body: bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def stream(*chunks: bytes, wait: Callable[[], Awaitable[Any]] | None = None) -> Answer:
    """The chunks, one by one, and after them whatever `wait` waits for."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if wait is not None:
            await wait()
        return response

    return answer


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_get("/{path:.*}", issuer.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [(_, issuer.port)] = runner.addresses
    try:
        yield issuer
    finally:
        await runner.cleanup()
