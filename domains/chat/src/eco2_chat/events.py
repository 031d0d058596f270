"""An answer as a stream of events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

piece   {"text": ...}            the next words
result  what JSON would be       the last event; its answer is what counts, whatever the pieces said
error   problem details          the last event when a text has no answer
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

import orjson
from pydantic import BaseModel

from eco2_service.problems import Problem
from eco2_service.request_scope import request_id


def event(name: Literal["piece", "result"], data: BaseModel) -> bytes:
    """One event."""
    return _written(name, data.model_dump_json().encode())


def error_event(problem: Problem) -> bytes:
    """The event of a problem: the answer had begun, and it is too late for a status."""
    body: dict[str, object] = {
        "type": f"/problems/{problem.slug}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if identifier := request_id():
        body["request_id"] = identifier
    if "retry-after" in problem.headers:
        body["retry_after"] = int(problem.headers["retry-after"])
    return _written("error", orjson.dumps(body))


def _written(name: str, data: bytes) -> bytes:
    """JSON has no line breaks: one line of data is always enough."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
