"""Objects in S3, through boto3. Everything here waits: call it from a thread.

URLs are signed with version 4 by boto3; credentials are found in its ordinary places (environment, web identity of a
pod, instance role). https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import boto3
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from eco2_image.errors import StorageUnavailable
from eco2_image.media import Media
from eco2_image.settings import Settings
from eco2_service.metrics import Metrics

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECTIONS: Final = 32
CONNECT_SECONDS: Final = 2
ANSWER_SECONDS: Final = 10
"""Without a byte from the server."""
ATTEMPTS: Final = 2
CACHE_CONTROL: Final = "public, max-age=86400, immutable"
"""What lies under a key never changes. A day, so that nobody shows an image for long after its user has left."""
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
log = structlog.get_logger("eco2.image.storage")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object. `data` is None when it is larger than what was asked for."""

    content_type: str
    size: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class SignedPost:
    """A form for a browser: the file goes last, as the field ``file``."""

    url: str
    fields: Mapping[str, str]


class Storage:
    """One bucket. May be used by many threads at once."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._bucket = settings.s3_bucket
        self._seconds = settings.image_upload_seconds
        self._metrics = metrics
        # Virtual: the only style in which boto3 signs for the host of the region, and not for one that redirects there.
        style: Literal["virtual", "path"] = "virtual" if settings.aws_endpoint_url is None else "path"
        self._client: S3Client = boto3.session.Session().client(
            "s3",
            region_name=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                max_pool_connections=CONNECTIONS,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                # By itself boto3 would sign a checksum that browsers do not send.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def sign_put(self, key: str, media: Media, size: int) -> str:
        """A URL for one PUT of exactly this type and size: both are among the signed headers."""
        with self._asked():
            return self._client.generate_presigned_url(
                "put_object",
                Params={"Bucket": self._bucket, "Key": key, "ContentType": media.value, "ContentLength": size},
                ExpiresIn=self._seconds,
                HttpMethod="PUT",
            )

    def sign_post(self, key: str, media: Media, size: int) -> SignedPost:
        """A form for one POST of this type and of at most this size.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
        """
        with self._asked():
            signed = self._client.generate_presigned_post(
                self._bucket,
                key,
                Fields={"Content-Type": media.value},
                Conditions=[{"Content-Type": media.value}, ["content-length-range", 1, size]],
                ExpiresIn=self._seconds,
            )
        return SignedPost(signed["url"], signed["fields"])

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        try:
            with self._asked():
                self._client.head_object(Bucket=self._bucket, Key=key)
        except _Absent:
            return False
        return True

    def read(self, key: str, *, limit: int) -> Stored | None:
        """An object; None when there is none. Never reads more than `limit` bytes."""
        try:
            with self._asked():
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    size = answer["ContentLength"]
                    data = body.read() if size <= limit else None
        except _Absent:
            return None
        return Stored(answer.get("ContentType", ""), size, data)

    def write(self, key: str, data: bytes, media: Media) -> None:
        """Write an object that everybody may see."""
        with self._asked():
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=media.value,
                ContentDisposition="inline",
                CacheControl=CACHE_CONTROL,
            )

    def delete(self, keys: Sequence[str]) -> frozenset[str]:
        """Delete objects, 1000 at most; those that are not there too. Returns the keys that could not be deleted."""
        with self._asked():
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        errors = answer.get("Errors", ())
        for code in {error.get("Code", "") for error in errors}:
            log.error("objects not deleted", code=code)
        return frozenset(error["Key"] for error in errors)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Time a call, and say what may be said of its failure. Raises StorageUnavailable, and _Absent."""
        with self._metrics.dependency("s3", has_failed=lambda error: not isinstance(error, _Absent)):
            try:
                yield
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code in _ABSENT:
                    raise _Absent from None
                raise _failed(code) from None
            except (BotoCoreError, HTTPClientError, OSError) as error:
                raise _failed(type(error).__name__) from None


class _Absent(Exception):
    """There is no such object."""


def _failed(code: str) -> StorageUnavailable:
    log.warning("storage does not answer", code=code)
    return StorageUnavailable(code)
