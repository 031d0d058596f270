"""Uploads, for signed-in users."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Response

from eco2_image.dependencies import TheResources
from eco2_image.schemas import NewUpload, SignedUpload, UploadView
from eco2_image.states import State
from eco2_image.views import signed_upload, upload_view
from eco2_service.identity import CurrentUser
from eco2_service.pages import Cursor, Limit, Page, decode_cursor, encode_cursor
from eco2_service.problems import NotFound, problem_responses

PREFIX: Final = "/api/v1/images"
router = APIRouter(prefix=f"{PREFIX}/uploads", tags=["uploads"])
_LOCATION: Final = {"Location": {"description": "Where the upload is", "schema": {"type": "string"}}}
_SIGNED: Final[dict[int | str, dict[str, Any]]] = {201: {"headers": _LOCATION}}
_PROCESSING: Final[dict[int | str, dict[str, Any]]] = {
    202: {"description": "It is being processed; ask at Location", "model": UploadView, "headers": _LOCATION}
}
_UNKNOWN: Final = problem_responses(404)


@router.post("", status_code=201, responses=_SIGNED | problem_responses(409, 410, 429))
async def begin_upload(new: NewUpload, user: CurrentUser, resources: TheResources, response: Response) -> SignedUpload:
    """Get a signed URL for one image. 409: the user's images take all the space they may. 429: too many in a day."""
    signed = await resources.uploads.begin(user.user_id, new.content_type, new.size, new.method)
    response.headers["location"] = _path(signed.upload.id)
    return signed_upload(signed)


@router.get("")
async def list_uploads(
    user: CurrentUser, resources: TheResources, limit: Limit = 50, cursor: Cursor = None
) -> Page[UploadView]:
    """The user's uploads, newest first."""
    before = None if cursor is None else _decode(cursor)
    found = await resources.uploads.page(user.user_id, before=before, limit=limit + 1)
    items = [upload_view(upload, resources.addresses) for upload in found[:limit]]
    return Page(items=items, next_cursor=_encode(items[-1]) if len(found) > limit else None)


@router.get("/{upload_id}", responses=_UNKNOWN)
async def read_upload(upload_id: uuid.UUID, user: CurrentUser, resources: TheResources) -> UploadView:
    """One upload. 404: there is none with this id, or it is another user's."""
    return upload_view(await resources.uploads.find(user.user_id, upload_id), resources.addresses)


@router.post("/{upload_id}/complete", responses=_PROCESSING | problem_responses(404, 409))
async def complete_upload(
    upload_id: uuid.UUID, user: CurrentUser, resources: TheResources, response: Response
) -> UploadView:
    """Say that the bytes are there. Safe to repeat. 409: nothing was uploaded yet, or it was rejected (`reason`)."""
    upload = await resources.uploads.complete(user.user_id, upload_id)
    if upload.state is not State.READY:
        response.status_code = 202
        response.headers["location"] = _path(upload_id)
    return upload_view(upload, resources.addresses)


@router.delete("/{upload_id}", status_code=204, responses=_UNKNOWN)
async def delete_upload(upload_id: uuid.UUID, user: CurrentUser, resources: TheResources) -> None:
    """Delete an upload and the image. 404: there is none with this id, or it is another user's."""
    await resources.uploads.delete(user.user_id, upload_id)


def _path(upload_id: uuid.UUID) -> str:
    return f"{router.prefix}/{upload_id}"


def _encode(last: UploadView) -> str:
    return encode_cursor({"created_at": last.created_at.isoformat(), "id": str(last.id)})


def _decode(cursor: str) -> tuple[datetime, uuid.UUID]:
    key = decode_cursor(cursor, "created_at", "id")
    try:
        return datetime.fromisoformat(key["created_at"]).astimezone(UTC), uuid.UUID(key["id"])
    except (ValueError, OverflowError):
        raise NotFound("cursor: there is no such page; begin without one", slug="no-such-page") from None
