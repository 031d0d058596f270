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
        return self._only(request, f"{self.prefix}s_access")

    def refresh(self, request: Request) -> str | None:
        """The refresh token of the browser; it is sent to auth alone.

        None beside an Authorization header: such a request was not asked for the Origin of its page.
        """
        return None if "authorization" in request.headers else self._only(request, f"{self.prefix}s_refresh")

    def browser_secret(self, request: Request) -> str | None:
        """By which a browser is known again that began a login."""
        return self._only(request, self._login)

    def sign_in(self, response: Response, pair: Pair) -> None:
        """Lay the session into the browser."""
        self._set(response, f"{self.prefix}s_access", pair.access, self.access_ttl, "/", self.domain)
        self._set(response, f"{self.prefix}s_refresh", pair.refresh, self.refresh_ttl, PREFIX, self.domain)

    def sign_out(self, response: Response) -> None:
        """Take it out: a cookie is only replaced by one of the same name, domain and path (RFC 6265, section 5.3)."""
        self._set(response, f"{self.prefix}s_access", "", 0, "/", self.domain)
        self._set(response, f"{self.prefix}s_refresh", "", 0, PREFIX, self.domain)

    def begin(self, response: Response, browser_secret: str) -> None:
        """Lay in what proves that a login is finished where it began."""
        self._set(response, self._login, browser_secret, SECONDS, "/", None)

    @property
    def _login(self) -> str:
        """With this prefix browsers take it from this host alone (RFC 6265bis, section 4.1.3.2).

        A page on another host of the domain could otherwise lay its own into a browser, which then would finish a
        login, or the linking of an account, that somebody else began.
        """
        return f"__Host-{self.prefix}oauth_state" if self.secure else f"{self.prefix}oauth_state"

    def _only(self, request: Request, name: str) -> str | None:
        """None when there are two of the name, as ext-authz has it: another host of the domain may have set one."""
        pairs = (pair for line in request.headers.getlist("cookie") for pair in line.split(";"))
        if sum(pair.partition("=")[0].strip() == name for pair in pairs) != 1:
            return None
        return request.cookies.get(name) or None

    def _set(self, response: Response, name: str, value: str, seconds: int, path: str, domain: str | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            domain=domain,
            secure=self.secure,
            httponly=True,
            samesite="lax",  # sent when a provider's page leads back, and never with another site's request
        )
