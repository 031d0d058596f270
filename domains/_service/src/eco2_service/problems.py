"""Errors as answers: problem details (RFC 9457).

Problem                 any status
├── Unauthorized        401  no identity, or no service token
├── Forbidden           403
├── NotFound            404
├── Conflict            409
├── Gone                410  UserDeleted
├── PreconditionFailed  412
├── TooManyRequests     429  with Retry-After
└── Unavailable         503  a store or a domain does not answer; asking again may help
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error.

    Args:
        detail: what is wrong with this request and what to do; never a secret.
        slug: names the kind of problem: `type` is ``/problems/<slug>``, or ``about:blank`` without one.
        headers: of the answer.
        extensions: further members of the body.
    """

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        slug: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.slug = slug
        self.headers = dict(headers or {})
        self.extensions = extensions


class Unauthorized(Problem):
    """Who asks is not known."""

    status = 401


class Forbidden(Problem):
    """Who asks may not."""

    status = 403


class NotFound(Problem):
    """There is no such thing, or not for who asks."""

    status = 404


class Conflict(Problem):
    """The state of things does not allow it."""

    status = 409


class Gone(Problem):
    """It was deleted and will not come back."""

    status = 410


class UserDeleted(Gone):
    """The user has left, and nothing brings them back."""

    def __init__(self) -> None:
        super().__init__("The user was deleted; do not ask again", slug="user-deleted")


class PreconditionFailed(Problem):
    """It has changed since it was read."""

    status = 412


class TooManyRequests(Problem):
    """Asked too often.

    Args:
        retry_after: seconds until one more is allowed.
    """

    status = 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, slug="rate-limited", headers={"retry-after": str(retry_after)})


class Unavailable(Problem):
    """What is needed for an answer does not answer itself."""

    status = 503

    def __init__(self, detail: str, *, slug: str | None = "unavailable", retry_after: int = 1) -> None:
        super().__init__(detail, slug=slug, headers={"retry-after": str(retry_after)})


class FieldError(BaseModel):
    """What is wrong with one part of a request."""

    location: str = Field(description="body, query, path or header")
    pointer: str = Field(description="JSON pointer (RFC 6901) to the part, or the parameter's name")
    detail: str


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of problem; about:blank when the status says it all")
    title: str
    status: int
    detail: str
    request_id: str | None = Field(default=None, description="Under which the logs have it")
    errors: list[FieldError] | None = Field(default=None, description="The parts of the request that are wrong")


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: answers of these statuses are problem details."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in statuses
    }


def problem_response(
    status: int,
    detail: str,
    *,
    slug: str | None = None,
    request_id: str | None = None,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, object] | None = None,
) -> Response:
    """Problem details as a response."""
    body = {
        "type": f"/problems/{slug}" if slug else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **({"request_id": request_id} if request_id else {}),
        **(extensions or {}),
    }
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's errors without what was sent: it may be a secret."""
    found = []
    for error in errors:
        location, *path = (str(part) for part in error["loc"])
        is_body = location == "body"
        pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
        found.append(
            {"location": location, "pointer": pointer if is_body else ".".join(path), "detail": str(error["msg"])}
        )
    return found
