"""What can go wrong beside what the kit knows."""

from __future__ import annotations

from typing import ClassVar

from eco2_service.problems import Conflict, NotFound, Problem, Unavailable


class ImageUnknown(NotFound):
    """There is no such upload, or it is another user's: who asks learns no difference."""

    def __init__(self) -> None:
        super().__init__("You have no such image; upload it first", slug="image-unknown")


class ImageNotReady(Conflict):
    """The upload is not completed, or was rejected."""

    def __init__(self) -> None:
        super().__init__("The image is not ready; complete its upload and wait until it is", slug="image-not-ready")


class KeyUsed(Conflict):
    """An Idempotency-Key comes again with another body."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request; take a new one for each", slug="idempotency-key-used"
        )


class TaskUnknown(NotFound):
    """There is no such task, or it is another user's."""

    def __init__(self) -> None:
        super().__init__("You have no such task", slug="task-unknown")


class ImagesUnavailable(Unavailable):
    """The domain image does not answer."""

    def __init__(self) -> None:
        super().__init__("Images cannot be looked up now; try again in a moment", slug="images-unavailable")


class NotClassified(Problem):
    """The task that a request waited for has failed, or is to be tried again.

    Args:
        task: the path of the task, where whatever becomes of it can be read.
        retry_after: seconds until the task may have an answer; None where asking again does not help.
    """

    def __init__(self, detail: str, *, slug: str, task: str, retry_after: int | None = None) -> None:
        headers = {"location": task} | ({} if retry_after is None else {"retry-after": str(retry_after)})
        super().__init__(detail, slug=slug, headers=headers, task=task)


class Unclassifiable(NotClassified):
    """This image cannot be classified, now or later."""

    status: ClassVar[int] = 422


class ModelWrong(NotClassified):
    """The model answers, and not what it was asked for."""

    status: ClassVar[int] = 502


class ModelAway(NotClassified):
    """What classifies does not answer, or has too much to do."""

    status: ClassVar[int] = 503


class TookTooLong(NotClassified):
    """The time for it was up."""

    status: ClassVar[int] = 504
