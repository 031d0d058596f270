"""The catalogue, for signed-in users."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import Response

from eco2_character.catalogue import CURSOR_FIELD, PreparedPage
from eco2_character.conditional import has_match
from eco2_character.dependencies import the_catalogue
from eco2_character.schemas import CatalogueItem
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor

router = APIRouter(prefix="/api/v1/character", tags=["catalogue"], dependencies=[Depends(current_user)])

_HEADERS: Final[dict[str, Any]] = {
    "ETag": {"description": "Strong: of exactly these bytes", "schema": {"type": "string"}},
    "Cache-Control": {"description": "How long it may be shown without asking", "schema": {"type": "string"}},
    "Vary": {"description": "What decides whether there is an answer", "schema": {"type": "string"}},
}


class _Prepared(Response):
    """A page whose bytes and headers are there already: there is nothing to encode."""

    def __init__(self, page: PreparedPage, *, is_known: bool, max_age: int) -> None:
        self.status_code = 304 if is_known else 200
        self.background = None
        self.body = b"" if is_known else page.body
        self.raw_headers = [
            (b"etag", page.etag.encode()),
            (b"cache-control", b"private, max-age=%d" % max_age),
            (b"vary", b"Authorization, Cookie"),
        ]
        if not is_known:
            self.raw_headers += [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(page.body)),
            ]


@router.get(
    "/catalog",
    response_model=Page[CatalogueItem],
    responses={
        200: {"headers": _HEADERS},
        304: {"description": "What the client has is the newest", "headers": _HEADERS},
    },
)
async def catalog(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: Annotated[list[str] | None, Header(description="ETags of what the client has")] = None,
) -> Response:
    """All characters there are, by code."""
    after = None if cursor is None else decode_cursor(cursor, CURSOR_FIELD)[CURSOR_FIELD]
    page = (await the_catalogue(request).current()).page(after, limit)
    is_known = if_none_match is not None and has_match(if_none_match, page.etag)
    return _Prepared(page, is_known=is_known, max_age=request.app.state.settings.catalogue_max_age_seconds)
