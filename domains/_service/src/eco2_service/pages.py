"""Lists in pages: a cursor says where the next one begins.

A cursor is opaque to who asks, and holds the sort key of the last item: pages neither repeat nor skip items that stay,
whatever comes and goes in between.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import orjson
from fastapi import Query
from pydantic import BaseModel, Field

from eco2_service.problems import NotFound

MAX_LIMIT: Final = 100
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items in a page")]
Cursor = Annotated[
    str | None, Query(max_length=512, description="Where the page begins: next_cursor of the page before it")
]


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="Of the next page; null when this is the last")


def encode_cursor(key: dict[str, Any]) -> str:
    """A sort key as a cursor. The key holds what JSON can."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *fields: str) -> dict[str, str]:
    """The sort key of a cursor: a text for each of the fields. Raises NotFound when it is none of ours."""
    try:
        key = orjson.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        key = None
    is_ours = isinstance(key, dict) and set(key) == set(fields)
    if not is_ours or not all(isinstance(value, str) and "\x00" not in value for value in key.values()):
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page")
    return cast(dict[str, str], key)
