"""The process's own log: one JSON object a line on standard error."""

import asyncio
import atexit
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from eco2_authz.writer import Writer

log = logging.getLogger(__name__)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_ROOM: Final = 1_048_576
_CLOSE_SECONDS: Final = 1.0


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message and every `extra` field.

    Args:
        worker: the number of this process, where there are several.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._process = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._process,
            **{key: value for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class WriterHandler(logging.Handler):
    """Hands lines to a thread: whoever reads standard error may be slow. What does not fit is lost."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._writer.write(self.format(record).encode() + b"\n")
        except Exception:
            self.handleError(record)


class Sometimes:
    """Says of each cause whether it is time to log it, at most once in so many seconds.

    Args:
        causes: how many are told apart; more share one turn.
    """

    def __init__(self, seconds: float, *, causes: int = 64, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._causes = causes
        self._clock = clock
        self._next: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def due(self, cause: str) -> int | None:
        """How many were left out since the last time, if it is time again."""
        if cause not in self._next and len(self._next) >= self._causes:
            cause = ""
        now = self._clock()
        if now < self._next.get(cause, now):
            self._left_out[cause] = self._left_out.get(cause, 0) + 1
            return None
        self._next[cause] = now + self._seconds
        return self._left_out.pop(cause, 0)


def report_fault(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a callback of the loop has raised. Not the callback: shown, it may hold what it was called with."""
    log.error("a callback failed", exc_info=context.get("exception"))


def configure(*, level: str, worker: int | None = None) -> None:
    """Send every log of the process to standard error."""
    writer = Writer(2, room=_ROOM, shared=worker is not None)
    atexit.register(writer.close, _CLOSE_SECONDS)
    handler = WriterHandler(writer)
    handler.setFormatter(JsonFormatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
