"""What can go wrong beside what the kit knows.

Problem
├── ImageUnknown      404
├── ImageNotReady     409
├── MessageRefused    422
├── ModelFailed       502  it answered, and that is of no use
├── Unavailable       503  TooBusy, ModelNotConfigured, ModelRateLimited
└── ModelTimedOut     504
"""

from __future__ import annotations

import math

from eco2_service.problems import Conflict, NotFound, Problem, Unavailable


class ImageUnknown(NotFound):
    """There is no such image, or it is another user's: who asks learns no difference."""

    def __init__(self) -> None:
        super().__init__("You have no such image; upload one first", slug="image-unknown")


class ImageNotReady(Conflict):
    """The upload is not complete, or was rejected."""

    def __init__(self) -> None:
        super().__init__("This image is not ready; complete its upload first", slug="image-not-ready")


class MessageRefused(Problem):
    """The model, or the filter in front of it, will not answer this message."""

    status = 422

    def __init__(self) -> None:
        super().__init__("This message gets no answer; ask about something else", slug="message-refused")


class ModelFailed(Problem):
    """The model failed in the middle, or its answer is not what was asked for."""

    status = 502

    def __init__(self) -> None:
        super().__init__("There was no usable answer; try again", slug="model-failed")


class ModelTimedOut(Problem):
    """The time of the run is over."""

    status = 504

    def __init__(self) -> None:
        super().__init__("The answer took too long; try again", slug="model-timed-out")


class ModelNotConfigured(Unavailable):
    """There is no key for the model, or it is not accepted: somebody has to act."""

    def __init__(self) -> None:
        super().__init__("Questions are not answered for now", slug="model-not-configured", retry_after=60)


class ModelRateLimited(Unavailable):
    """Too much was asked of the model.

    Args:
        retry_after: seconds, where it said so.
    """

    def __init__(self, retry_after: float | None) -> None:
        seconds = 1 if retry_after is None else max(1, math.ceil(retry_after))
        super().__init__("Too many ask at once; try again later", slug="model-rate-limited", retry_after=seconds)


class TooBusy(Unavailable):
    """As many questions are under way here as there may be."""

    def __init__(self) -> None:
        super().__init__("Too many ask at once; try again in a moment", slug="busy")
