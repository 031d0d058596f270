"""The catalogue, for signed-in users."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from eco2_character.catalogue import CURSOR_FIELD
from eco2_character.dependencies import the_catalogue
from eco2_character.schemas import CatalogueItem
from eco2_service.conditional import RESPONSES, IfNoneMatch, conditional
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor

router = APIRouter(prefix="/api/v1/character", tags=["catalogue"], dependencies=[Depends(current_user)])


@router.get(
    "/catalog",
    response_model=Page[CatalogueItem],
    responses=RESPONSES,
)
async def catalog(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """All characters there are, by code."""
    after = None if cursor is None else decode_cursor(cursor, CURSOR_FIELD)[CURSOR_FIELD]
    page = (await the_catalogue(request).current()).page(after, limit)
    return conditional(page, if_none_match, max_age=request.app.state.settings.catalogue_max_age_seconds)
