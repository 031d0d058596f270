"""The cookies of a session and of a login that is under way.

They are set on the very response that redirects or answers: a response made anew elsewhere would lose them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from eco2_auth.login_state import SECONDS
from eco2_auth.settings import Settings
from eco2_auth.tokens import Pair

PREFIX: Final = "/api/v1/auth"


@dataclass(frozen=True)
class Cookies:
    """Their names and attributes.

    Args:
        prefix: of the names, so that stages below one parent domain do not take each other's.
        domain: whose hosts get the session; None: this host alone.
    """

    prefix: str
    domain: str | None
    secure: bool
    access_ttl: int
    refresh_ttl: int

    @classmethod
    def from_settings(cls, settings: Settings) -> Cookies:
        """As the settings have them."""
        return cls(
            settings.cookie_prefix,
            settings.cookie_domain or None,
            settings.cookie_secure,
            settings.access_ttl,
            settings.refresh_ttl,
        )

    def access(self, request: Request) -> str | None:
        """The access token of the browser."""
        return request.cookies.get(f"{self.prefix}s_access") or None

    def refresh(self, request: Request) -> str | None:
        """The refresh token of the browser; it is sent to auth alone."""
        return request.cookies.get(f"{self.prefix}s_refresh") or None

    def browser_secret(self, request: Request) -> str | None:
        """By which a browser is known again that began a login."""
        return request.cookies.get(f"{self.prefix}oauth_state") or None

    def sign_in(self, response: Response, pair: Pair) -> None:
        """Lay the session into the browser."""
        self._set(response, "s_access", pair.access, self.access_ttl, "/", self.domain)
        self._set(response, "s_refresh", pair.refresh, self.refresh_ttl, PREFIX, self.domain)

    def sign_out(self, response: Response) -> None:
        """Take it out: a cookie is only replaced by one of the same name, domain and path (RFC 6265, section 5.3)."""
        self._set(response, "s_access", "", 0, "/", self.domain)
        self._set(response, "s_refresh", "", 0, PREFIX, self.domain)

    def begin(self, response: Response, browser_secret: str) -> None:
        """Lay in what proves that a login is finished where it began."""
        self._set(response, "oauth_state", browser_secret, SECONDS, PREFIX, None)

    def _set(self, response: Response, name: str, value: str, seconds: int, path: str, domain: str | None) -> None:
        response.set_cookie(
            f"{self.prefix}{name}",
            value,
            max_age=seconds,
            path=path,
            domain=domain,
            secure=self.secure,
            httponly=True,
            samesite="lax",  # sent when a provider's page leads back, and never with another site's request
        )
