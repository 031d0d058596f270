"""What is sent and answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from eco2_image.cdn import LONGEST
from eco2_image.media import MAX_BYTES, Media
from eco2_image.rejection import Rejection
from eco2_image.states import Method, State

Owner = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"),
    Field(description="auth's id of the user whose image it has to be"),
]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST),
    Field(description="Any spelling of an image's address: of the CDN or of S3, with or without a query"),
]


def _number(value: object) -> object:
    """Not a text, nor true: JSON has numbers. Not `strict`, for which 10.0 is no integer; for JSON Schema it is one."""
    if isinstance(value, str | bool):
        raise ValueError("must be a number")
    return value


Size = Annotated[
    int,
    Field(ge=1, le=MAX_BYTES, description="Bytes: exactly for put, at most for post"),
    BeforeValidator(_number),
]


class NewUpload(BaseModel):
    """What is going to be uploaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content_type: Media
    size: Size
    method: Method = Method.PUT


class SignedUpload(BaseModel):
    """Where the bytes go. Whoever has the URL may upload until it expires."""

    id: uuid.UUID
    state: Literal[State.PENDING] = State.PENDING
    method: Method
    url: str
    headers: Mapping[str, str] | None = Field(description="For put: to be sent exactly so")
    fields: Mapping[str, str] | None = Field(description="For post: fields of the form, before the field `file`")
    expires_at: datetime


class UploadView(BaseModel):
    """An upload of the signed-in user."""

    id: uuid.UUID
    state: State
    content_type: Media
    created_at: datetime
    expires_at: datetime = Field(description="When the signed URL ends")
    reason: Rejection | None = Field(description="Why it was rejected")
    size: int | None = Field(description="Bytes of the image; this and what follows is there when it is ready")
    width: int | None
    height: int | None
    url: str | None = Field(description="Where everybody finds the image")


class ImageView(BaseModel):
    """A user's image, for other domains."""

    id: uuid.UUID
    state: Literal[State.READY] = State.READY
    content_type: Media
    size: int
    sha256: str
    width: int
    height: int
    url: str
