"""What can be recognised, for signed-in users."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from eco2_scan.dependencies import TheResources
from eco2_scan.schemas import Categories
from eco2_service.conditional import RESPONSES, IfNoneMatch, conditional
from eco2_service.identity import current_user

router = APIRouter(prefix="/api/v1/scan", tags=["categories"], dependencies=[Depends(current_user)])


@router.get("/categories", response_model=Categories, responses=RESPONSES)
async def categories(resources: TheResources, if_none_match: IfNoneMatch = None) -> Response:
    """All items by major and middle category. They change with releases only."""
    return conditional(resources.categories, if_none_match, max_age=resources.categories_max_age)
