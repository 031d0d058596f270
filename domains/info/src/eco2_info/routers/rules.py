"""Disposal rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from eco2_info.dependencies import MaxAge, TheResources
from eco2_info.routers import PREFIX
from eco2_info.schemas import Label, Rule, RuleCard
from eco2_service.conditional import RESPONSES, IfNoneMatch, conditional
from eco2_service.identity import current_user
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import problem_responses

router = APIRouter(prefix=f"{PREFIX}/rules", tags=["rules"], dependencies=[Depends(current_user)])


@router.get("", response_model=Page[RuleCard], responses=RESPONSES)
async def list_rules(
    resources: TheResources,
    max_age: MaxAge,
    category: Annotated[Label | None, Query(description="Only of this middle category, such as 종이팩")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Disposal rules, by id. What is not verified is guidance: show it as that."""
    after = None if cursor is None else decode_cursor(cursor, "id")["id"]
    found = resources.rules.page(category=category, after=after, limit=limit + 1)
    items = found[:limit]
    page = Page[RuleCard](items=items, next_cursor=encode_cursor({"id": items[-1].id}) if len(found) > limit else None)
    return conditional(page, if_none_match, max_age=max_age)


@router.get("/{rule_id}", response_model=Rule, responses=RESPONSES | problem_responses(404))
async def read_rule(
    rule_id: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")],
    resources: TheResources,
    max_age: MaxAge,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One rule, with its sources. 404: there is none with this id."""
    return conditional(resources.rules.read(rule_id), if_none_match, max_age=max_age)
