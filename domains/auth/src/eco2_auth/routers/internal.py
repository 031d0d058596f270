"""What other domains may ask."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from eco2_auth.dependencies import AuthResources, RequestAudit
from eco2_service.internal import ServiceCaller
from eco2_service.problems import problem_responses

router: Final = APIRouter(prefix="/api/v1/internal/users", tags=["internal"], dependencies=[ServiceCaller])


@router.delete("/{user_id}", status_code=204, response_class=Response, responses=problem_responses(401))
async def delete_user(
    user_id: Annotated[str, Path(max_length=128)], resources: AuthResources, audit: RequestAudit
) -> Response:
    """End all sessions of a user and forget the accounts. Once more does no harm."""
    # In this order: whoever signs in with one of the accounts from now on is somebody new.
    deleted = await resources.accounts.delete(user_id)
    sessions = await resources.sessions.close_all(user_id)
    audit.note("revoked", user_id=user_id, accounts_deleted=deleted, sessions=sessions)
    return Response(status_code=204)
