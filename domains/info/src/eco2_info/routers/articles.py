"""Articles."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from eco2_info.dependencies import MaxAge, TheResources
from eco2_info.errors import ArticleUnknown
from eco2_info.routers import PREFIX
from eco2_info.schemas import Article, ArticleCard, Label
from eco2_info.store import articles as store
from eco2_service.conditional import RESPONSES, IfNoneMatch, conditional
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound, problem_responses

router = APIRouter(prefix=f"{PREFIX}/articles", tags=["articles"], dependencies=[Depends(current_user)])


@router.get("", response_model=Page[ArticleCard], responses=RESPONSES)
async def list_articles(
    resources: TheResources,
    max_age: MaxAge,
    category: Annotated[Label | None, Query(description="Only of this category")] = None,
    tag: Annotated[Label | None, Query(description="Only with this tag")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Articles, newest first."""
    after = None if cursor is None else _decode(cursor)
    async with resources.database.read() as connection:
        found = await store.page(connection, category=category, tag=tag, after=after, limit=limit + 1)
    items = found[:limit]
    page = Page[ArticleCard](items=items, next_cursor=_encode(items[-1]) if len(found) > limit else None)
    return conditional(page, if_none_match, max_age=max_age)


@router.get("/{article_id}", response_model=Article, responses=RESPONSES | problem_responses(404))
async def read_article(
    article_id: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")],
    resources: TheResources,
    max_age: MaxAge,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One article. 404: there is none with this id, or no longer."""
    async with resources.database.read() as connection:
        article = await store.read(connection, article_id)
    if article is None:
        raise ArticleUnknown
    return conditional(article, if_none_match, max_age=max_age)


def _encode(last: ArticleCard) -> str:
    return encode_cursor({"published_on": last.published_on.isoformat(), "id": last.id})


def _decode(cursor: str) -> tuple[date, str]:
    key = decode_cursor(cursor, "published_on", "id")
    try:
        return date.fromisoformat(key["published_on"]), key["id"]
    except ValueError:
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page") from None
