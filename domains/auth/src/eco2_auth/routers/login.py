"""Signing in with a provider, and linking one more account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from eco2_auth.cookies import PREFIX
from eco2_auth.dependencies import AuthResources, RequestAudit, limited
from eco2_auth.login import Returned
from eco2_auth.redirects import MAX_LENGTH
from eco2_auth.schemas import LinkRequest, LinkStarted
from eco2_service.identity import CurrentUser
from eco2_service.problems import problem_responses

router: Final = APIRouter(prefix=PREFIX, tags=["login"])

ProviderName = Annotated[str, Path(max_length=32, description="google, kakao or naver")]
_Parameter = Annotated[str | None, Query(max_length=4096)]
_HEADERS: Final = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
"""Of redirects: neither is kept, nor is the address they came from told, which may hold a code."""


def _redirect(description: str) -> dict[int | str, dict[str, Any]]:
    headers = {"Location": {"schema": {"type": "string"}}, "Set-Cookie": {"schema": {"type": "string"}}}
    return {302: {"description": description, "headers": headers}}


@router.get(
    "/{provider}/login",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[limited("login")],
    responses={
        **_redirect("To the provider; when it is down, to redirect_uri?error="),
        **problem_responses(403, 404, 429),
    },
)
async def login(
    provider: ProviderName,
    redirect_uri: Annotated[str, Query(max_length=MAX_LENGTH, description="Where the login leads in the end")],
    request: Request,
    resources: AuthResources,
    audit: RequestAudit,
) -> Response:
    """Send the browser to the provider."""
    secret = resources.cookies.browser_secret(request)
    begun = await resources.logins.begin(provider, redirect_uri, audit, browser_secret=secret)
    response = RedirectResponse(_with(begun.location, _error(begun.error)), 302, _HEADERS)
    resources.cookies.begin(response, begun.browser_secret)
    return response


@router.get(
    "/{provider}/callback",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[limited("callback")],
    responses={
        **_redirect("To redirect_uri, with the session's cookies; or with ?error= or ?linked="),
        **problem_responses(403, 404, 429),
    },
)
async def callback(
    provider: ProviderName,
    request: Request,
    resources: AuthResources,
    audit: RequestAudit,
    code: _Parameter = None,
    state: _Parameter = None,
    error: _Parameter = None,
    iss: _Parameter = None,
) -> Response:
    """Take the browser back from the provider."""
    secret = resources.cookies.browser_secret(request)
    returned = Returned(code=code, state=state, error=error, issuer=iss)
    outcome = await resources.logins.finish(provider, returned, audit, browser_secret=secret)
    response = RedirectResponse(_with(outcome.redirect_uri, outcome.parameters), 302, _HEADERS)
    if outcome.pair is not None:
        resources.cookies.sign_in(response, outcome.pair)
    return response


@router.post(
    "/{provider}/link",
    response_model=LinkStarted,
    dependencies=[limited("login")],
    responses=problem_responses(401, 403, 404, 429),
)
async def link(
    provider: ProviderName,
    body: LinkRequest,
    user: CurrentUser,
    request: Request,
    resources: AuthResources,
    audit: RequestAudit,
) -> Response:
    """Begin to link one more account to the signed-in user. There is no other way to link accounts."""
    secret = resources.cookies.browser_secret(request)
    begun = await resources.logins.begin(
        provider, body.redirect_uri, audit, browser_secret=secret, link_user_id=user.user_id
    )
    response = JSONResponse({"location": _with(begun.location, _error(begun.error))}, headers=_HEADERS)
    resources.cookies.begin(response, begun.browser_secret)
    return response


def _error(code: str | None) -> Mapping[str, str]:
    return {} if code is None else {"error": code}


def _with(uri: str, parameters: Mapping[str, str]) -> str:
    """The address with these parameters added; it has no fragment."""
    if not parameters:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"
