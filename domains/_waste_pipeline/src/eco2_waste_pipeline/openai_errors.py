"""What OpenAI says when there is no answer, in our words."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2
import openai

from eco2_waste_pipeline.deadline import Deadline
from eco2_waste_pipeline.errors import (
    InvalidImage,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    NotConfigured,
    PipelineError,
    TimedOut,
)

_QUOTA: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_REFUSALS: Final = frozenset(
    {
        "invalid_prompt",
        "content_filter",
        "image_content_policy_violation",
        "bio_policy",
        "misalignment_policy_violation",
    }
)
_IMAGES: Final = frozenset(
    {
        "empty_image_file",
        "image_file_too_large",
        "image_parse_error",
        "image_too_large",
        "image_too_small",
        "invalid_base64_image",
        "invalid_image",
        "invalid_image_format",
        "invalid_image_mode",
        "unsupported_image_media_type",
    }
)
_AGAIN: Final = frozenset({408, 409})
"""Below 500, and yet worth another attempt: https://github.com/openai/openai-python#retries."""


@contextmanager
def in_our_words(deadline: Deadline) -> Iterator[None]:
    """Raise a PipelineError for what the client raises in the block.

    Args:
        deadline: of the whole run. When that is over, whatever went wrong is TimedOut.
    """
    try:
        yield
    except PipelineError:
        raise
    except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
        if deadline.is_over:
            raise TimedOut from None
        raise _named(error) from None


def _named(error: Exception) -> PipelineError:
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable("no answer in time")
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):  # the latter from the body of an error
        return ModelUnavailable("unreachable")
    if isinstance(error, openai.RateLimitError):
        if error.code in _QUOTA:
            return NotConfigured("quota used up")
        return ModelRateLimited(retry_after=retry_after(error.response.headers))
    if isinstance(error, openai.APIStatusError):
        return _by_status(error)
    if isinstance(error, openai.APIError):  # an event of a stream
        return by_code(error.code)
    return ModelUnavailable("not an answer")


def _by_status(error: openai.APIStatusError) -> PipelineError:
    status = error.status_code
    if status >= 500 or status in _AGAIN:
        return ModelUnavailable(f"status {status}")
    if error.code in _REFUSALS | _IMAGES:
        return by_code(error.code)
    return NotConfigured(f"status {status}")


def by_code(code: str | None) -> PipelineError:
    """What an error is by its code, as it stands in a response that failed and in an event of a stream."""
    if code in _REFUSALS:
        return ModelRefused("refused by a filter")
    if code in _IMAGES:
        return InvalidImage("not taken by the model")
    if code in _QUOTA:
        return NotConfigured("quota used up")
    if code == "rate_limit_exceeded":
        return ModelRateLimited()
    return ModelUnavailable("failed")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `Retry-After` (RFC 9110, 10.2.3) as a number or a date, or OpenAI's `retry-after-ms`."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None
