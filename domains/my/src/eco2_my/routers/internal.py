"""What other domains ask, with the service token."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from eco2_my.dependencies import TheResources
from eco2_my.schemas import PushedUser
from eco2_service.identity import UserId
from eco2_service.internal import ServiceCaller
from eco2_service.problems import problem_responses

router = APIRouter(prefix="/api/v1/internal/users", tags=["internal"], dependencies=[ServiceCaller])


@router.put("/{user_id}", status_code=204, responses=problem_responses(410))
async def push_user(user_id: Annotated[UserId, Path()], pushed: PushedUser, resources: TheResources) -> None:
    """Take over what auth knows of a user: all accounts, at each login. One that is older than what is here is ignored.

    410: the user was deleted; do not push them again.
    """
    await resources.users.push(user_id, pushed)
