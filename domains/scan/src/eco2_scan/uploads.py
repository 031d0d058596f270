"""Users' images, as the domain image tells of them: whether one may be classified, and its bytes."""

from __future__ import annotations

import time
import uuid
from typing import Final

import httpx2
import structlog
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_after_delay, wait_random_exponential

from eco2_scan.errors import ImageNotReady, ImagesUnavailable, ImageUnknown
from eco2_service.metrics import Metrics
from eco2_service.peers import Peer, PeerUnavailable

LONGEST: Final = 32 * 1024 * 1024
"""Bytes of an image: more than image lets anybody upload, and as much as this process wants to hold."""
log = structlog.get_logger("eco2.scan.uploads")


class ContentUnavailable(Exception):
    """The bytes cannot be had now; later perhaps."""


class ContentGone(Exception):
    """The bytes cannot be had any more.

    Args:
        reason: ``image_unknown``, ``image_not_ready`` or ``image_too_large``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Uploads:
    """Asks the domain image before a task is accepted."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def must_be_ready(self, user_id: str, image_id: uuid.UUID) -> None:
        """Pass when the image is a completed upload of the user.

        Raises:
            ImageUnknown: there is none, or it is another user's.
            ImageNotReady: it is not completed, or was rejected.
            ImagesUnavailable: image does not answer.
        """
        try:
            answer = await self._peer.request("GET", _path(image_id), params={"user_id": user_id})
        except PeerUnavailable as error:
            raise ImagesUnavailable from error
        if answer.status_code == 404:
            raise ImageUnknown
        if answer.status_code == 409:
            raise ImageNotReady
        if answer.status_code != 200:
            log.error("refused by image", status=answer.status_code)
            raise ImagesUnavailable


class Contents:
    """Reads the bytes of images; synchronous, for tasks. Safe to use by many threads.

    Args:
        base_url: of the domain image.
        timeout: seconds for a call, all attempts and pauses included.
        attempts: at most, when it does not answer.
    """

    def __init__(
        self, base_url: str, *, token: SecretStr | None, metrics: Metrics, timeout: float, attempts: int
    ) -> None:
        headers = {"authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._client = httpx2.Client(base_url=base_url, headers=headers, trust_env=False)
        self._metrics = metrics
        self._timeout = timeout
        self._attempts = attempts

    def read(self, user_id: str, image_id: uuid.UUID) -> bytes:
        """The bytes of a user's image.

        Raises:
            ContentUnavailable: after the last attempt.
            ContentGone: asking again would not help.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts) | stop_after_delay(self._timeout),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            retry=retry_if_exception_type(ContentUnavailable),
            reraise=True,
        )
        content: bytes = retrying(self._attempt, user_id, image_id, time.monotonic() + self._timeout)
        return content

    def _attempt(self, user_id: str, image_id: uuid.UUID, deadline: float) -> bytes:
        path, query = f"{_path(image_id)}/content", {"user_id": user_id}
        left = max(deadline - time.monotonic(), 0.001)
        with self._metrics.dependency("image", has_failed=lambda error: not isinstance(error, ContentGone)):
            try:
                with self._client.stream("GET", path, params=query, timeout=left) as answer:
                    return _content(answer, deadline)
            except httpx2.HTTPError as error:
                log.warning("no answer", peer="image", error=type(error).__name__)
                raise ContentUnavailable(type(error).__name__) from None

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def _content(answer: httpx2.Response, deadline: float) -> bytes:
    if answer.status_code == 404:
        raise ContentGone("image_unknown", "The image is not there any more")
    if answer.status_code == 409:
        raise ContentGone("image_not_ready", "The image is not completed")
    if answer.status_code != 200:
        log.warning("no answer", peer="image", status=answer.status_code)
        raise ContentUnavailable(f"status {answer.status_code}")
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > LONGEST:
            raise ContentGone("image_too_large", f"The image has more than {LONGEST} bytes")
        if time.monotonic() > deadline:  # the client's own limit is for each part: a trickle would never end
            raise ContentUnavailable("timeout")
    return bytes(content)


def _path(image_id: uuid.UUID) -> str:
    return f"/api/v1/internal/images/{image_id}"
