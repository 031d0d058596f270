"""What other domains ask, with the service token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from eco2_chat.dependencies import TheResources
from eco2_service.identity import UserId
from eco2_service.internal import ServiceCaller

router = APIRouter(prefix="/api/v1/internal", tags=["internal"], dependencies=[ServiceCaller])


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(user_id: Annotated[UserId, Path()], resources: TheResources) -> None:
    """Forget a user, whose sessions have ended, for good: what they ask later is answered with 410.

    Safe to repeat, also for a user that is not known.
    """
    await resources.conversations.delete_user(user_id)
