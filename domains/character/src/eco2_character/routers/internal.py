"""What other domains ask, with the service token."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from eco2_character import store
from eco2_character.dependencies import TheDatabase, TheRewards
from eco2_character.models import Owned
from eco2_character.schemas import (
    CharacterRewardRequest,
    CharacterRewardResponse,
    OnboardingRequest,
    OwnedCharacter,
)
from eco2_service.identity import UserId
from eco2_service.internal import ServiceCaller
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound, problem_responses

router = APIRouter(prefix="/api/v1/internal", tags=["internal"], dependencies=[ServiceCaller])


@router.post("/characters/rewards", responses=problem_responses(409, 410))
async def reward(request: CharacterRewardRequest, rewards: TheRewards) -> CharacterRewardResponse:
    """Give a user the character that a classified item earns. Safe to repeat with the same `request_id` and body.

    409: the request id came before with another body. 410: the user was deleted.
    """
    return await rewards.reward(request)


@router.post("/characters/onboarding", responses=problem_responses(410))
async def onboarding(request: OnboardingRequest, rewards: TheRewards) -> CharacterRewardResponse:
    """Give a user the character that everybody starts with. Safe to repeat. 410: the user was deleted."""
    return await rewards.onboard(request.user_id)


@router.get("/characters/owned")
async def owned(
    user_id: Annotated[UserId, Query()], database: TheDatabase, limit: Limit = 50, cursor: Cursor = None
) -> Page[OwnedCharacter]:
    """A user's characters, oldest first. Of a user that is not known: none."""
    after = None if cursor is None else _decode(cursor)
    async with database.read() as connection:
        found = await store.owned(connection, user_id, after=after, limit=limit + 1)
    items = found[:limit]
    has_more = len(found) > limit
    return Page(items=[_shown(one) for one in items], next_cursor=_encode(items[-1]) if has_more else None)


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(user_id: Annotated[UserId, Path()], rewards: TheRewards) -> None:
    """Forget a user, for good. Safe to repeat, also for a user that is not known."""
    await rewards.delete_user(user_id)


def _shown(one: Owned) -> OwnedCharacter:
    character = one.character
    return OwnedCharacter.model_validate(
        {
            "code": character.code,
            "name": character.name,
            "type": character.type,
            "dialog": character.dialog,
            "source": one.source,
            "acquired_at": one.acquired_at,
        }
    )


def _encode(last: Owned) -> str:
    return encode_cursor({"acquired_at": last.acquired_at.isoformat(), "character": str(last.character.id)})


def _decode(cursor: str) -> tuple[datetime, uuid.UUID]:
    key = decode_cursor(cursor, "acquired_at", "character")
    try:
        return datetime.fromisoformat(key["acquired_at"]).astimezone(UTC), uuid.UUID(key["character"])
    except (ValueError, OverflowError):
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page") from None
