"""The search."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from eco2_info.dependencies import MaxAge, TheResources
from eco2_info.routers import PREFIX
from eco2_info.schemas import Question, SearchHit
from eco2_info.store.search import Place
from eco2_service.conditional import RESPONSES, IfNoneMatch, conditional
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound

router = APIRouter(prefix=f"{PREFIX}/search", tags=["search"], dependencies=[Depends(current_user)])
_SCORE: Final = re.compile(r"\d{1,6}\.\d{6}")


@router.get("", response_model=Page[SearchHit], responses=RESPONSES)
async def search(
    q: Annotated[Question, Query(description="What is asked, as somebody types it")],
    resources: TheResources,
    max_age: MaxAge,
    limit: Limit = 20,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Articles and rules that say something about a question, those first that say most.

    Particles make no difference. An empty list: nothing here says anything about it.
    """
    after = None if cursor is None else _decode(cursor)
    items, last = await resources.search.find(q, after=after, limit=limit)
    page = Page[SearchHit](items=items, next_cursor=None if last is None else _encode(last))
    return conditional(page, if_none_match, max_age=max_age)


def _encode(last: Place) -> str:
    return encode_cursor({"score": f"{last.score:.6f}", "kind": last.kind, "id": last.id})


def _decode(cursor: str) -> Place:
    key = decode_cursor(cursor, "score", "kind", "id")
    if _SCORE.fullmatch(key["score"]) is None:
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page")
    return Place(Decimal(key["score"]), key["kind"], key["id"])
