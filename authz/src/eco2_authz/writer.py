"""Writing to a pipe or file that may block, from a loop that must not."""

import os
import threading
from queue import SimpleQueue
from select import PIPE_BUF, select
from typing import Final

_AT_ONCE: Final = 262_144
"""Octets of one write."""
_LINE_END: Final = b"\n"


class Writer:
    """A thread that writes whole lines, in the order they come. `write` is to be called by one thread alone.

    Args:
        file: a file descriptor, for example 1.
        room: octets that may wait; with more `write` refuses.
        shared: other processes write lines to the same pipe. Then no write is larger than what a pipe takes whole.
    """

    def __init__(self, file: int, *, room: int, shared: bool = False) -> None:
        self.lost = 0
        """Lines that were accepted and could not be written."""
        self._file = file
        self._room = room
        self._piece = PIPE_BUF if shared else _AT_ONCE
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._accepted = 0  # set by who writes
        self._done = 0  # set by the thread
        self._thread = threading.Thread(target=self._run, name=f"writer of {file}", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether nothing more is accepted at this moment."""
        return self._accepted - self._done >= self._room

    def write(self, lines: bytes) -> bool:
        """Have lines written, each with its end; False when they are not accepted. Returns at once."""
        if self.full:
            return False
        self._accepted += len(lines)
        self._queue.put(lines)
        return True

    def close(self, seconds: float) -> bool:
        """Write what was accepted, for so many seconds at most, and say whether that is done."""
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (lines := self._queue.get()) is not None:
            try:
                self._write(lines)
            except OSError:  # who read it has gone, or the disk is full: no reason to stop serving
                self.lost += lines.count(_LINE_END)
            self._done += len(lines)

    def _write(self, lines: bytes) -> None:
        start = 0
        while start < len(lines):
            end = start + self._piece
            if end < len(lines):
                end = lines.rfind(_LINE_END, start, end) + 1 or lines.index(_LINE_END, start) + 1
            try:
                start += os.write(self._file, lines[start:end])
            except BlockingIOError:  # another process that has the same file has made it so
                select((), (self._file,), ())
