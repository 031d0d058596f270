"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from eco2_image.rejection import Rejection
from eco2_service.problems import Conflict, NotFound, Unavailable


class UploadUnknown(NotFound):
    """There is no such upload, or it is another user's: who asks learns no difference."""

    def __init__(self) -> None:
        super().__init__("You have no such upload", slug="upload-unknown")


class ImageUnknown(NotFound):
    """There is no such image, or it is another user's, or the address is none of ours."""

    def __init__(self) -> None:
        super().__init__("The user has no such image", slug="image-unknown")


class NotUploaded(Conflict):
    """An upload is said to be complete, and nothing was uploaded."""

    def __init__(self) -> None:
        super().__init__("Nothing was uploaded yet: send the bytes to the URL first", slug="not-uploaded")


class UploadRejected(Conflict):
    """An upload will not become an image."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(f"The upload was rejected: {reason}; make a new one", slug="upload-rejected", reason=reason)


class ImageNotReady(Conflict):
    """An upload is not an image yet, or never will be.

    Args:
        state: ``pending``, ``processing`` or ``rejected``, with the reason.
    """

    def __init__(self, state: str, reason: Rejection | None) -> None:
        super().__init__(f"The upload is {state}", slug="image-not-ready", state=state, reason=reason)


class QuotaExceeded(Conflict):
    """The user's images take all the space they may.

    Args:
        used, limit: bytes. An upload that is not finished counts as much as an image may have.
    """

    def __init__(self, used: int, limit: int) -> None:
        super().__init__("Your images take all the space they may; delete some", slug="quota-exceeded")
        self.extensions.update(used=used, limit=limit)


class StorageUnavailable(Unavailable):
    """S3 does not answer, or refuses us.

    Args:
        code: what it says, such as ``SlowDown`` or ``AccessDenied``, or the kind of failure; for logs.
    """

    def __init__(self, code: str) -> None:
        super().__init__("The storage does not answer; try again in a moment", slug="storage-unavailable")
        self.code = code
