"""The id of the request that is being answered, for logs and for calls to other domains."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Final

HEADER: Final = "x-request-id"
"""Envoy's; see https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-request-id"""
_VALID: Final = re.compile(r"[A-Za-z0-9._-]{8,128}")
_current: ContextVar[str | None] = ContextVar("eco2_request_id", default=None)


def request_id() -> str | None:
    """The id of the request of this task; None outside of one."""
    return _current.get()


def enter_request(sent: str | None) -> str:
    """Take over the id that was sent with a request, if it can be one, or make one."""
    chosen = sent if sent is not None and _VALID.fullmatch(sent) else str(uuid.uuid4())
    _current.set(chosen)
    return chosen
