"""Every decision as one JSON object a line, written without anybody waiting for it.

A decision is put aside as it is. A chunk at a time they become lines, which a thread writes, many at a time. When the
reader of the lines is too slow, decisions are dropped and counted; answers never wait. No line holds a token, a cookie
or a query.
"""

import asyncio
import logging
from collections.abc import Callable
from time import gmtime, strftime
from typing import Any, Final

import orjson

from eco2_authz.decision import Decision, Reason
from eco2_authz.logs import Sometimes
from eco2_authz.request import Request
from eco2_authz.results import RESULTS
from eco2_authz.writer import Writer

log = logging.getLogger(__name__)

CHUNK: Final = 64
"""Decisions that become lines at the same time: the loop is held for a tenth of a millisecond."""
DELAY_SECONDS: Final = 0.05
"""How long a decision may be put aside."""
AT_ONCE: Final = 131_072
"""Octets of lines that are handed to the thread earlier than that: to wake it costs as much as some twenty lines."""
LONGEST_PATH: Final = 512
LONGEST_LINE: Final = 2_048
"""Octets. Above it every text is cut, so that a line is always less than what a pipe takes whole."""
LONGEST_TEXT: Final = 64
ROOM: Final = 8 * 1024 * 1024
"""Octets of lines that may wait to be written."""

Entry = tuple[float, float, Decision, Request]
"""When it was made in seconds since 1970, how many seconds it took, and what it was about."""


class DecisionLog:
    """Writes decisions.

    Args:
        dry_run: whether refused requests pass nevertheless.
        on_dropped: told how many decisions were dropped.
    """

    def __init__(self, writer: Writer, *, dry_run: bool, on_dropped: Callable[[int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = writer
        self._dry_run = dry_run
        self._on_dropped = on_dropped
        self._entries: list[Entry] = []
        self._lines: list[bytes] = []
        self._octets = 0
        self._due = False
        self._millisecond = 0
        self._time = ""
        self._faults = Sometimes(60.0)

    def record(self, now: float, seconds: float, decision: Decision, request: Request) -> None:
        """Put a decision aside. Never raises."""
        entries = self._entries
        entries.append((now, seconds, decision, request))
        if not self._due:
            self._due = True
            self._loop.call_later(DELAY_SECONDS, self._flush_due)
        if len(entries) >= CHUNK:
            self._make_lines()
            if self._octets >= AT_ONCE:
                self._hand_over()

    def flush(self) -> None:
        """Hand over what was put aside."""
        self._make_lines()
        self._hand_over()

    def _make_lines(self) -> None:
        entries, self._entries = self._entries, []
        if not entries:
            return
        if self._writer.full:  # it would be dropped anyway: save the time
            self._on_dropped(len(entries))
            return
        try:
            lines = [self._line(*entry) for entry in entries]
        except Exception as error:  # whatever it is, decisions go on
            self._on_dropped(len(entries))
            if self._faults.due(type(error).__name__) is not None:
                log.exception("decisions could not be written")
            return
        self._lines += lines
        self._octets += sum(map(len, lines))

    def _hand_over(self) -> None:
        lines, self._lines, self._octets = self._lines, [], 0
        if lines and not self._writer.write(b"".join(lines)):
            self._on_dropped(len(lines))

    def close(self, seconds: float) -> bool:
        """Write what there is, for so many seconds at most, and say whether that is done."""
        self.flush()
        return self._writer.close(seconds)

    def _flush_due(self) -> None:
        self._due = False
        self.flush()

    def _line(self, now: float, seconds: float, decision: Decision, request: Request) -> bytes:
        millisecond = int(now * 1e3)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._time = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now))}.{millisecond % 1000:03d}Z"
        identity, reason = decision.identity, decision.reason
        fields = {
            "time": self._time,
            "result": RESULTS[reason],
            "reason": reason,
            "method": request.method,
            "host": request.host,
            "path": shown_path(request.path),
            "user_id": None if identity is None else identity.subject,
            "provider": None if identity is None else identity.provider,
            "jti": decision.jti,
            "request_id": request.request_id,
            "duration_us": int(seconds * 1e7) / 10,
            "dry_run": self._dry_run,
        }
        if reason is not Reason.OK:
            fields["detail"] = decision.detail
        line = orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
        return line if len(line) <= LONGEST_LINE else _shortened(fields)


def shown_path(path: str) -> str:
    """A path as it is logged: without its query and fragment, where tokens may be."""
    return path.partition("?")[0].partition("#")[0][:LONGEST_PATH]


def _shortened(fields: dict[str, Any]) -> bytes:
    """A line that somebody has tried to make a long one."""
    cut = {name: value[:LONGEST_TEXT] if isinstance(value, str) else value for name, value in fields.items()}
    return orjson.dumps(cut, option=orjson.OPT_APPEND_NEWLINE)
