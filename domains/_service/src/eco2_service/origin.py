"""Cross-site request forgery: a request that changes state with a cookie must come from a page of the list.

A browser adds cookies whoever wrote the page, and an `Origin` that the page cannot choose (RFC 6454, section 7; OWASP
"Verifying Origin With Standard Headers"). A request with an Authorization header is not a browser's own doing.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from eco2_service.problems import problem_response
from eco2_service.request_scope import request_id
from eco2_service.settings import ServiceSettings

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""


class OriginMiddleware:
    """Refuses state changes by cookie from pages that are not of the list, with 403."""

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings) -> None:
        self._app = app
        self._origins = frozenset(settings.cors_allow_origins)
        self._cookies = frozenset(f"{settings.cookie_prefix}{name}" for name in ("s_access", "s_refresh"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in SAFE or not self._is_forged(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        detail = "A request that changes something with a cookie needs the Origin of a page that may do so"
        response = problem_response(403, detail, slug="origin-refused", request_id=request_id())
        await response(scope, receive, send)

    def _is_forged(self, headers: Headers) -> bool:
        if "authorization" in headers or "cookie" not in headers:
            return False
        sent = {name for line in headers.getlist("cookie") for name in cookie_parser(line)}
        if not sent & self._cookies:
            return False
        origins = headers.getlist("origin")
        return len(origins) != 1 or origins[0] not in self._origins
