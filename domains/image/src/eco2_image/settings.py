"""The environment of the service and of its worker."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from eco2_image.media import MAX_BYTES
from eco2_service.settings import Address
from eco2_tasks.settings import TasksSettings


class Settings(TasksSettings):
    """What all domains with tasks read, and where images are kept. Credentials are found by boto3 itself.

    Args:
        s3_bucket: must not keep versions: what is deleted there has to be gone.
        aws_region: of the bucket; it is part of every signature.
        aws_endpoint_url: of S3, where it is not that of AWS. Clients upload to the same address.
        cdn_base_url: where everybody finds the objects whose keys begin with ``images/``.
        image_bytes_per_user: what a user's images may take; an unfinished upload counts as the largest image.
        image_uploads_per_day: how many uploads a user may begin in 24 hours.
        image_upload_seconds: how long a signed URL holds.
        image_sweep_seconds: how often objects that are to go are looked for.
    """

    s3_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    aws_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = Field(
        default="ap-northeast-2", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION")
    )
    aws_endpoint_url: Address | None = None
    cdn_base_url: Address
    image_bytes_per_user: Annotated[int, Field(ge=MAX_BYTES)] = 500 * 1024 * 1024
    image_uploads_per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    image_upload_seconds: Annotated[int, Field(ge=1, le=3600)] = 600
    image_sweep_seconds: Annotated[float, Field(gt=0, le=3600)] = 10.0
