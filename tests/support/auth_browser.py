"""A browser that signs in: it keeps cookies as RFC 6265 has it, and goes where it is led."""

from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from eco2_identity_provider.testing import REDIRECT_BASE

FRONTEND = "https://frontend.test"
"""Where logins lead in tests."""
DONE = f"{FRONTEND}/done?from=login"


class Browser:
    """One browser, signed in or not.

    Args:
        client: of the auth service, which stands behind `REDIRECT_BASE`.
    """

    def __init__(self, client: httpx2.AsyncClient, *, address: str = "203.0.113.1") -> None:
        self.cookies: dict[str, Morsel[str]] = {}
        self._client = client
        self._address = address

    async def request(self, method: str, url: str, **options: Any) -> httpx2.Response:
        """Ask the auth service, with the cookies for that path; keep those that it sets."""
        path = url.removeprefix(REDIRECT_BASE)
        headers = {"x-forwarded-for": self._address, **(options.pop("headers", None) or {})}
        sent = [f"{name}={one.value}" for name, one in self.cookies.items() if path.startswith(one["path"])]
        if sent:
            headers["cookie"] = "; ".join(sent)
        response = await self._client.request(method, path, headers=headers, **options)
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel
        return response

    async def get(self, url: str, **options: Any) -> httpx2.Response:
        """Ask for a page."""
        return await self.request("GET", url, **options)

    async def post(self, path: str, *, origin: str | None = FRONTEND, **options: Any) -> httpx2.Response:
        """Ask as a page of that origin does."""
        headers = {**({"origin": origin} if origin else {}), **options.pop("headers", {})}
        return await self.request("POST", path, headers=headers, **options)

    async def begin(self, provider: str, *, redirect_uri: str = DONE) -> str:
        """Begin a login. Gives the address of the provider's page."""
        response = await self.get(f"/api/v1/auth/{provider}/login", params={"redirect_uri": redirect_uri})
        assert response.status_code == 302, response.text
        location: str = response.headers["location"]
        return location

    async def consent(self, page: str, user: str = "first") -> str:
        """Agree on the provider's page. Gives the address of the callback."""
        async with httpx2.AsyncClient() as client:
            response = await client.get(page, headers={"x-eco2-user": user})
        assert response.status_code == 302, response.text
        location: str = response.headers["location"]
        assert location.startswith(REDIRECT_BASE), location
        return location

    async def sign_in(self, provider: str, user: str = "first") -> httpx2.Response:
        """Go all the way. Gives the answer to the callback."""
        return await self.get(await self.consent(await self.begin(provider), user))

    def value(self, name: str) -> str:
        """Of a cookie."""
        return self.cookies[name].value


def parameters(url: str) -> dict[str, str]:
    """Of an address; each once."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
