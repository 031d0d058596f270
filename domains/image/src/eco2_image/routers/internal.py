"""What other domains ask, with the service token."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from eco2_image.dependencies import TheResources
from eco2_image.media import Media
from eco2_image.schemas import ImageView, Owner, Url
from eco2_image.views import image_view
from eco2_service.conditional import IfNoneMatch, has_match
from eco2_service.identity import UserId
from eco2_service.internal import ServiceCaller
from eco2_service.problems import problem_responses

router = APIRouter(prefix="/api/v1/internal", tags=["internal"], dependencies=[ServiceCaller])
_NOT_READY: Final = problem_responses(404, 409)
_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The bytes",
        "content": {media.value: {"schema": {"type": "string", "format": "binary"}} for media in Media},
        "headers": {"ETag": {"description": "SHA-256 of the bytes", "schema": {"type": "string"}}},
    },
    304: {"description": "The caller has them"},
}


@router.get("/images", responses=problem_responses(404))
async def find_image(
    url: Annotated[Url, Query()], user_id: Annotated[Owner, Query()], resources: TheResources
) -> ImageView:
    """The user's image that a URL means. 404: it is none of ours, or another user's. The URL is not fetched."""
    return image_view(*await resources.images.find_by_url(user_id, url), resources.addresses)


@router.get("/images/{image_id}", responses=_NOT_READY)
async def read_image(image_id: uuid.UUID, user_id: Annotated[Owner, Query()], resources: TheResources) -> ImageView:
    """The user's image. 404: there is none with this id, or it is another user's. 409: it is not ready."""
    return image_view(*await resources.images.find(user_id, image_id), resources.addresses)


@router.get("/images/{image_id}/content", response_class=Response, responses=_CONTENT | _NOT_READY)
async def read_content(
    image_id: uuid.UUID,
    user_id: Annotated[Owner, Query()],
    resources: TheResources,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The image's bytes. 404 and 409 as without `content`."""
    upload, picture = await resources.images.find(user_id, image_id)
    headers = {"etag": f'"{picture.sha256}"'}
    if has_match(if_none_match or (), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(await resources.images.content(picture), media_type=upload.media.value, headers=headers)


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(user_id: Annotated[UserId, Path()], resources: TheResources) -> None:
    """Forget a user, whose sessions have ended. Safe to repeat, also for a user that is not known."""
    await resources.uploads.delete_user(user_id)
