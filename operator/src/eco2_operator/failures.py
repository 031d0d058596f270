"""What an answer of the API server that is not a success means, as an error of our tree. Pure."""

import re

from eco2_operator.errors import (
    ChildError,
    Conflict,
    Forbidden,
    KindMissing,
    NamespaceGone,
    NodePortTaken,
    Rejected,
    Unavailable,
)
from eco2_operator.kinds import Kind
from eco2_operator.naming import Manifest

_MANAGER = re.compile(r'conflict with "([^"]+)"')


class ManagerConflict(ChildError):
    """HTTP 409 on an apply without force: other managers own fields we want. Pairs of (manager, field path)."""

    reason = "FieldConflict"

    def __init__(self, message: str, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.fields = fields


class Paused(Unavailable):
    """Not asked at all: the API server wants silence until a time that has not come yet."""


class Expired(ChildError):
    """HTTP 410: the resourceVersion to go on from is too old; everything has to be listed again."""


def failure(status: int, answer: Manifest, *, what: str, kind: Kind, retry_after: float | None = None) -> ChildError:
    """What an HTTP error of the API server means, as an error of our tree."""
    message = str(answer.get("message") or f"HTTP {status}")
    details = answer.get("details") or {}
    causes = details.get("causes") or ()
    error: ChildError
    match status:
        case 404 if not details.get("name"):
            error = KindMissing(
                f"{what}: the cluster does not serve {kind.api_version} {kind.name}; "
                "install what provides it, then it is made by itself"
            )
        case 404:
            error = NamespaceGone(f"{what}: {message}")
        case 409 if any(cause.get("reason") == "FieldManagerConflict" for cause in causes):
            fields = tuple(
                (
                    found.group(1) if (found := _MANAGER.search(cause.get("message", ""))) else "?",
                    cause["field"],
                )
                for cause in causes
                if cause.get("reason") == "FieldManagerConflict"
            )
            error = ManagerConflict(f"{what}: {message}", fields)
        case 409:
            error = Conflict(f"{what}: {message}")
        case 403 if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            error = NamespaceGone(f"{what}: {message}")
        case 403:
            error = Forbidden(f"{what}: {message}")
        case 410:
            error = Expired(f"{what}: {message}")
        case 422 if "provided port is already allocated" in message:
            error = NodePortTaken(f"{what}: {message}")
        case 400 | 405 | 406 | 413 | 415 | 422:
            error = Rejected(f"{what}: {message}")
        case _:
            error = Unavailable(f"{what}: HTTP {status}: {message}")
    error.retry_after = retry_after
    return error
