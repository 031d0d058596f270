"""Why there is no result. None of them carries what the user sent, a prompt, a key or what the model answered."""

from __future__ import annotations

from typing import ClassVar


class PipelineError(Exception):
    """A run ended without a result.

    Args:
        reason: a short code for logs, metrics and problems, such as ``status 500``.
        retryable: whether the same input may succeed later.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotConfigured(PipelineError):
    """There is no key, or OpenAI does not accept it or does not know the model: an operator has to act."""


class ModelUnavailable(PipelineError):
    """OpenAI does not answer, says that it cannot, or stopped in the middle."""

    retryable = True


class ModelRateLimited(PipelineError):
    """Too much was asked of OpenAI.

    Args:
        retry_after: seconds to wait, where OpenAI said so.
    """

    retryable = True

    def __init__(self, reason: str = "rate limited", *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelRefused(PipelineError):
    """The model, or the filter in front of it, will not answer this."""


class AnswerMalformed(PipelineError):
    """The model answered something else than was asked for, in every attempt."""

    retryable = True


class InvalidImage(PipelineError):
    """These bytes are not a picture that is looked at; `reason` says why."""


class TimedOut(PipelineError):
    """The time for the whole run is over."""

    retryable = True

    def __init__(self, reason: str = "out of time") -> None:
        super().__init__(reason)
