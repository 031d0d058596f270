"""The states of an upload, and what is known of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from eco2_image.media import Media
from eco2_image.rejection import Rejection


class State(StrEnum):
    """pending -> processing -> ready or rejected; a pending one that expires is rejected too."""

    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    REJECTED = "rejected"


class Method(StrEnum):
    """How the bytes come."""

    PUT = "put"
    """Of exactly the size that was said."""
    POST = "post"
    """A form of a browser; at most of the size that was said."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The image that an upload has become; size in bytes, width and height in pixels."""

    key: str
    size: int
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload. `reason` is there when it is rejected, `picture` when it is ready."""

    id: UUID
    user_id: str
    state: State
    method: Method
    media: Media
    declared_size: int
    raw_key: str
    created_at: datetime
    expires_at: datetime
    reason: Rejection | None
    picture: Picture | None
