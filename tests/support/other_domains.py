"""Domains that a service under test calls, on one port, as real HTTP: obedient, in trouble, or silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.services import SERVICE_TOKEN, serve


class OtherDomains:
    """Answers for every domain, under ``<address>/<domain>``.

    Attributes:
        forgotten: the calls to delete a user that were obeyed: (domain, user).
        asked: all such calls, before anything became of them.
        trouble: by domain, the status it answers with instead.
        silent: domains that take requests and do not answer until they are taken out of it.
        characters: what the domain character answers when it is asked who owns which.
        queries: with which it was asked.
    """

    def __init__(self) -> None:
        self.address = ""
        self.forgotten: list[tuple[str, str]] = []
        self.asked: list[tuple[str, str]] = []
        self.trouble: dict[str, int] = {}
        self.silent: set[str] = set()
        self.characters: Response = JSONResponse({"items": [], "next_cursor": None})
        self.queries: list[dict[str, str]] = []

    def url(self, domain: str) -> str:
        """Where a domain is."""
        return f"{self.address}/{domain}"

    async def _delete(self, request: Request) -> Response:
        domain, user = request.path_params["domain"], request.path_params["user"]
        self.asked.append((domain, user))
        if (refused := await self._refused(domain, request)) is not None:
            return refused
        self.forgotten.append((domain, user))
        return Response(status_code=204)

    async def _owned(self, request: Request) -> Response:
        self.queries.append(dict(request.query_params))
        return await self._refused("character", request) or self.characters

    async def _refused(self, domain: str, request: Request) -> Response | None:
        while domain in self.silent:
            if await request.is_disconnected():
                return Response(status_code=499)
            await asyncio.sleep(0.01)
        if request.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
            return Response(status_code=401)
        return Response(status_code=self.trouble[domain]) if domain in self.trouble else None

    def app(self) -> Starlette:
        """All of them."""
        users = "/{domain}/api/v1/internal/users/{user}"
        owned = "/character/api/v1/internal/characters/owned"
        return Starlette(routes=[Route(users, self._delete, methods=["DELETE"]), Route(owned, self._owned)])


@asynccontextmanager
async def other_domains() -> AsyncIterator[OtherDomains]:
    """Start them; they end with the block."""
    domains = OtherDomains()
    async with serve(domains.app()) as client:
        domains.address = str(client.base_url).rstrip("/")
        try:
            yield domains
        finally:
            domains.silent.clear()  # or requests under way would hold up the end
