"""Going on with a session, and ending it. Nowhere else are tokens read."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from eco2_auth.cookies import PREFIX
from eco2_auth.dependencies import AuthResources, RequestAudit, limited
from eco2_auth.errors import InvalidToken, NotSignedIn, TokenReused
from eco2_auth.resources import Resources
from eco2_auth.schemas import Refreshed, RefreshToken
from eco2_auth.tokens import TokenPayload, TokenType
from eco2_service.problems import problem_responses

router: Final = APIRouter(prefix=PREFIX, tags=["sessions"])
_NOT_KEPT: Final = {"cache-control": "no-store"}
"""RFC 6749, section 5.1."""


@router.post(
    "/refresh",
    response_model=Refreshed,
    dependencies=[limited("refresh")],
    responses=problem_responses(401, 403, 429),
)
async def refresh(
    request: Request, resources: AuthResources, audit: RequestAudit, body: RefreshToken | None = None
) -> Response:
    """Exchange a refresh token, from the body or the cookie, for a new pair. It counts once."""
    sent = body.refresh_token if body else None
    token = sent or resources.cookies.refresh(request)
    try:
        if token is None:
            raise InvalidToken("none sent")
        rotation = await resources.sessions.rotate(token)
    except TokenReused as error:
        audit.warn(
            "refresh_reused",
            user_id=error.user_id,
            provider=error.provider,
            session=error.family,
            by_cookie=not sent,
        )
        raise NotSignedIn from None
    except InvalidToken as error:
        audit.warn("refresh_refused", reason=error.reason, by_cookie=not sent)
        raise NotSignedIn from None
    payload = rotation.payload
    audit.note(
        "refreshed",
        user_id=payload.sub,
        provider=payload.provider,
        session=payload.family,
        repeated=rotation.repeated,
        by_cookie=not sent,
    )
    answer = Refreshed(expires_in=resources.settings.access_ttl)
    if sent:
        answer = answer.model_copy(
            update={"access_token": rotation.pair.access, "refresh_token": rotation.pair.refresh}
        )
    response = JSONResponse(answer.model_dump(), headers=_NOT_KEPT)
    if not sent:
        resources.cookies.sign_in(response, rotation.pair)
    return response


@router.post("/logout", status_code=204, response_class=Response, responses=problem_responses(401, 403))
async def logout(
    request: Request, resources: AuthResources, audit: RequestAudit, body: RefreshToken | None = None
) -> Response:
    """Revoke the tokens that were sent, and their whole session."""
    access = await _valid(resources, _access_token(request, resources), "access")
    sent = body.refresh_token if body else None
    refresh = await _valid(resources, sent or resources.cookies.refresh(request), "refresh")
    known = [payload for payload in (access, refresh) if payload is not None]
    if not known:
        audit.warn("logout_refused", reason="no valid token")
        raise NotSignedIn
    await resources.blacklist.add(known)
    if refresh is not None:
        await resources.sessions.close(str(refresh.family))
    if access is not None:
        await resources.sessions.close_of_access(access)
    audit.note("logged_out", user_id=known[0].sub, provider=known[0].provider, revoked=len(known))
    response = Response(status_code=204, headers=_NOT_KEPT)
    resources.cookies.sign_out(response)
    return response


def _access_token(request: Request, resources: Resources) -> str | None:
    """From the Authorization header; without one from the cookie (as ext-authz reads it)."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return resources.cookies.access(request)
    scheme, _, token = headers[0].partition(" ")
    return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" else None


async def _valid(resources: Resources, token: str | None, wanted: TokenType) -> TokenPayload | None:
    try:
        return None if token is None else await resources.tokens.verify(token, wanted)
    except InvalidToken:
        return None
