"""Structured logs: a JSON object a line, on standard output.

Nothing here writes what a request carries beyond its method, path and size; a query may hold a code or a token.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog

from eco2_service.request_scope import request_id

_LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()

_TRACEBACKS: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
"""Where it failed and why; never the values of variables, among which are tokens and what users sent."""


def configure_logs(*, service: str, level: str) -> None:
    """Send structlog's lines and those of the standard library's loggers to standard output.

    Args:
        service: stands in every line.
        level: the lowest that is written: debug, info, warning or error.
    """

    def add_service(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["service"] = service
        return line

    lowest = _LEVELS[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_service,
            add_request_id,
            structlog.processors.ExceptionRenderer(_TRACEBACKS),
            structlog.processors.JSONRenderer(serializer=_dump),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(max(lowest, logging.INFO))
    for chatty in ("alembic.runtime.migration", "httpx2"):
        logging.getLogger(chatty).setLevel(max(lowest, logging.WARNING))


def add_request_id(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: under which request it was said."""
    if (current := request_id()) is not None:
        line["request_id"] = current
    return line


def _dump(line: object, **_options: object) -> bytes:
    try:
        return orjson.dumps(line, default=str)
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits: no reason to lose the line, or the request
        return json.dumps(line, default=str).encode()


class _Forward(logging.Handler):
    """Says what a logger of the standard library says, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            logger = structlog.get_logger()
            logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)
        except Exception:  # whoever logs goes on, as with every handler of the standard library
            self.handleError(record)
