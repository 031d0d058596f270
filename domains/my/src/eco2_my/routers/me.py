"""The signed-in user: profile, accounts, characters, deletion."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from eco2_my.dependencies import TheResources, the_resources
from eco2_my.errors import NoSuchPage
from eco2_my.schemas import Account, Deletion, OwnedCharacters, Profile, ProfileChanges
from eco2_my.versions import IfMatch, etag
from eco2_service.identity import CurrentUser
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import problem_responses

PREFIX: Final = "/api/v1/user"
router = APIRouter(prefix=PREFIX, tags=["me"])
_ABSENT: Final = problem_responses(404, 410)
_WITH_ETAG: Final[dict[int | str, dict[str, Any]]] = {
    200: {"headers": {"ETag": {"description": "For If-Match", "schema": {"type": "string"}}}}
}


@router.get("/me", responses=_WITH_ETAG | _ABSENT)
async def read_me(request: Request, user: CurrentUser, response: Response) -> Profile:
    """The user by the account that they are signed in with; of several with one provider, that of the latest login.

    404: auth has not told of the user yet. 410: the user was deleted, or is about to be.
    """
    profile, version = await the_resources(request).users.profile(user.user_id, user.provider)
    response.headers["etag"] = etag(version)
    return profile


@router.patch("/me", responses=_WITH_ETAG | _ABSENT | problem_responses(412))
async def change_me(
    changes: ProfileChanges, user: CurrentUser, resources: TheResources, condition: IfMatch, response: Response
) -> Profile:
    """Change what users may change themselves (JSON merge patch). 412: it is not what `If-Match` says any more."""
    values = changes.model_dump(exclude_unset=True)
    profile, version = await resources.users.change(user.user_id, user.provider, values, condition)
    response.headers["etag"] = etag(version)
    return profile


@router.delete("/me", status_code=202)
async def delete_me(user: CurrentUser, resources: TheResources) -> Deletion:
    """Delete the user, in every domain. It has begun when this is answered, and cannot be taken back.

    All sessions end. Safe to repeat: the answer says how far it is.
    """
    deletion = await resources.deletions.request(user.user_id)
    resources.deleting.wake()
    return deletion


@router.get("/me/accounts", responses=_ABSENT)
async def list_my_accounts(
    user: CurrentUser, resources: TheResources, limit: Limit = 50, cursor: Cursor = None
) -> Page[Account]:
    """The accounts that the user can sign in with."""
    after = -1 if cursor is None else _position(cursor)
    found = await resources.users.accounts(user.user_id, after=after, limit=limit + 1)
    shown = found[:limit]
    more = encode_cursor({"after": str(shown[-1][0])}) if len(found) > limit else None
    return Page(items=[account for _, account in shown], next_cursor=more)


@router.get("/me/characters", responses=_ABSENT)
async def list_my_characters(
    user: CurrentUser, resources: TheResources, limit: Limit = 50, cursor: Cursor = None
) -> OwnedCharacters:
    """The characters that the user owns. While their domain does not answer: none, and `complete` is false."""
    await resources.users.be_there(user.user_id)
    return await resources.characters.owned(user.user_id, limit=limit, cursor=cursor)


def _position(cursor: str) -> int:
    text = decode_cursor(cursor, "after")["after"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise NoSuchPage
    return int(text)
