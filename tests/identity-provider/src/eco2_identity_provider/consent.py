"""Where the browser is sent: who signs in, and back with a code (RFC 6749 section 4.1.2).

A person sees a page with a button per test user. A test skips it: it names the user in the query (`user=first`) or in
the header `x-eco2-user`; `user=deny` presses Cancel.
"""

from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eco2_identity_provider.grants import Grant
from eco2_identity_provider.realm import Realm
from eco2_identity_provider.troubles import Trouble
from eco2_identity_provider.users import DENY, USERS, User

USER_PARAMETER: Final = "user"
USER_HEADER: Final = "x-eco2-user"
_PAGE: Final = """<!doctype html>
<html lang="ko"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"></head>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""


def chosen(request: Request) -> str | None:
    """Who signs in, if that was said with the request."""
    return request.query_params.get(USER_PARAMETER) or request.headers.get(USER_HEADER)


def page(realm: Realm, request: Request) -> Response:
    """The question who signs in."""
    buttons = [(name, f"{user.nickname} ({user.email or '-'})") for name, user in USERS.items()]
    forms = (
        f'<p><a href="?{escape(urlencode([*request.query_params.multi_items(), (USER_PARAMETER, name)]))}">'
        f"{escape(label)}</a></p>"
        for name, label in [*buttons, (DENY, "취소")]
    )
    return HTMLResponse(_PAGE.format(title=f"{realm.name} (local)", body="".join(forms)))


def refused(realm: Realm, reason: str) -> Response:
    """The page for a request that must not be answered by a redirect (RFC 6749 section 4.1.2.1)."""
    return HTMLResponse(_PAGE.format(title=f"{realm.name} (local)", body=f"<p>{escape(reason)}</p>"), 400)


def back(uri: str, parameters: Mapping[str, str | None]) -> Response:
    """To the application, with what has a value."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return RedirectResponse(f"{uri}{'&' if '?' in uri else '?'}{query}", 302)


class Consent:
    """What is the same for the three once the request is known to be good.

    Args:
        iss: what to name as issuer in the answer (RFC 9207), None: nothing.
        denied: what the provider says to `error=access_denied`.
        code_prefix: how its codes begin.
    """

    def __init__(self, realm: Realm, *, denied: str | None, code_prefix: str = "", iss: str | None = None) -> None:
        self._realm = realm
        self._denied = denied
        self._prefix = code_prefix
        self._iss = iss

    def answer(self, request: Request, scopes: frozenset[str], challenge: str | None) -> Response:
        """The page, or the redirect when it is known who signs in."""
        name = DENY if Trouble.DENIED in self._realm.script else chosen(request)
        if name is None:
            return page(self._realm, request)
        query = request.query_params
        common = {"state": query.get("state"), "iss": self._issuer()}
        if name == DENY:
            return back(query["redirect_uri"], {"error": "access_denied", "error_description": self._denied, **common})
        if Trouble.FAILED in self._realm.script:
            return back(query["redirect_uri"], {"error": "server_error", **common})
        user = USERS.get(name)
        if user is None:
            return refused(self._realm, f"there is no user {name}")
        return back(query["redirect_uri"], {"code": self._code(user, request, scopes, challenge), **common})

    def _code(self, user: User, request: Request, scopes: frozenset[str], challenge: str | None) -> str:
        query = request.query_params
        grant = Grant(user, query["redirect_uri"], query.get("state"), query.get("nonce"), challenge, scopes)
        return self._realm.grants.code(grant, self._prefix)

    def _issuer(self) -> str | None:
        if Trouble.MIX_UP in self._realm.script:
            return "https://issuer.example.com"
        return None if Trouble.NO_ISS in self._realm.script else self._iss
