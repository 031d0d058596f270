"""Users' photos, from the domain image. A URL is never fetched: image says whether it is one of ours."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from eco2_chat.errors import ImageNotReady, ImageUnknown
from eco2_service.peers import Peer, PeerUnavailable

_PATH: Final = "/api/v1/internal/images"


class ImagesUnavailable(Exception):
    """The domain image does not answer, or not as it should."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a user."""

    id: uuid.UUID
    content: bytes


class Images:
    """Asks for photos. Raises ImagesUnavailable.

    Args:
        peer: the domain image; None: there is none.
    """

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer

    async def read(self, user_id: str, image_id: uuid.UUID) -> Photo:
        """A photo by its id.

        Raises:
            ImageUnknown: also when it is another user's.
            ImageNotReady
        """
        found = await self._get(f"{_PATH}/{image_id}/content", user_id=user_id)
        if found is None:
            raise ImageUnknown
        return Photo(image_id, found.content)

    async def find(self, user_id: str, url: str) -> uuid.UUID | None:
        """The id of the user's photo that a URL means; None: it is none of ours, or another user's.

        Raises:
            ImageNotReady
        """
        found = await self._get(_PATH, user_id=user_id, url=url)
        return None if found is None else _id(found)

    async def _get(self, path: str, **query: Any) -> httpx2.Response | None:
        """What it says; None when it knows no such image."""
        if self._peer is None:
            raise ImagesUnavailable("IMAGE_URL is not set")
        try:
            answer = await self._peer.request("GET", path, params=query)
        except PeerUnavailable as error:
            raise ImagesUnavailable(error.reason) from None
        if answer.status_code == 404:
            return None
        if answer.status_code == 409:
            raise ImageNotReady
        if answer.status_code != 200:
            raise ImagesUnavailable(f"status {answer.status_code}")
        return answer


def _id(found: httpx2.Response) -> uuid.UUID:
    try:
        return uuid.UUID(found.json()["id"])
    except (ValueError, KeyError, TypeError):
        raise ImagesUnavailable("an answer without id") from None
