"""Structured logs: a JSON object a line, on standard output.

Nothing here writes what a request carries beyond its method, path and size; a query may hold a code or a token.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog
from structlog.tracebacks import safe_str
from structlog.typing import ExcInfo

from eco2_service.request_scope import request_id

_LEVELS: Final[Mapping[str, int]] = logging.getLevelNamesMapping()

_TRACEBACKS: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
"""Where it failed and why; never the values of variables, among which are tokens and what users sent."""
_QUOTING: Final = frozenset({"pydantic", "pydantic_core", "fastapi", "sqlalchemy", "asyncpg", "psycopg"})
"""Packages whose exceptions say in their texts which value was wrong: what a user sent, or a row of theirs."""


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
            structlog.processors.ExceptionRenderer(render_exception),
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


def render_exception(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """An exception and those that led to it, as structlog renders them, without texts that quote what users sent.

    Of such an exception stay its type, where it was raised, and the SQLSTATE where it has one.
    """
    blanks = {safe_str(error): _state(error) for error in _chain(exc_info[1], set()) if _quotes(error)}
    stacks = _TRACEBACKS(exc_info)
    _blank(stacks, blanks)
    return stacks


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """An exception and all that it knows of, each once."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (error.__cause__, error.__context__, *parts):
        yield from _chain(other, seen)


def _quotes(error: BaseException) -> bool:
    return any(kind.__module__.partition(".")[0] in _QUOTING for kind in type(error).__mro__)


def _state(error: BaseException) -> str:
    """The SQLSTATE of a driver's exception, or of the one that SQLAlchemy has made of it."""
    state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"SQLSTATE {state}" if state else ""


def _blank(stacks: list[dict[str, Any]], blanks: Mapping[str, str]) -> None:
    """By the text, not by the type: an exception of ours that repeats it is blanked with it."""
    for stack in stacks:
        if stack["exc_value"] in blanks:
            stack["exc_value"], stack["exc_notes"] = blanks[stack["exc_value"]], []
        for part in stack["exceptions"]:
            _blank(part, blanks)


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
