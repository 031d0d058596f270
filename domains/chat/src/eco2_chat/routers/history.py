"""The conversation so far, for its user."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from eco2_chat.dependencies import TheResources
from eco2_chat.routers.chat import PREFIX
from eco2_chat.schemas import Exchange
from eco2_service.identity import CurrentUser
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound

router = APIRouter(prefix=f"{PREFIX}/history", tags=["history"])
_LARGEST: Final = 2**63 - 1


@router.get("")
async def read_history(
    user: CurrentUser, resources: TheResources, limit: Limit = 50, cursor: Cursor = None
) -> Page[Exchange]:
    """The user's messages with their answers, the newest first, in the order in which they were asked."""
    before = None if cursor is None else _decode(cursor)
    found = await resources.conversations.page(user.user_id, before=before, limit=limit + 1)
    shown = found[:limit]
    more = encode_cursor({"before": str(shown[-1][0])}) if len(found) > limit else None
    return Page(items=[exchange for _, exchange in shown], next_cursor=more)


@router.delete("", status_code=204)
async def delete_history(user: CurrentUser, resources: TheResources) -> None:
    """Forget the conversation. Messages that are being answered now are not kept either. Safe to repeat."""
    await resources.conversations.clear(user.user_id)


def _decode(cursor: str) -> int:
    text = decode_cursor(cursor, "before")["before"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= _LARGEST):
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page")
    return int(text)
