"""Shows that a worker lives, for `eco2_tasks.health`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from celery import bootsteps

SECONDS: Final = 1.0


class Heartbeat:
    """Touches a file as long as the worker's loop turns, and ends the process when a drain takes too long.

    A worker that waits for the broker has no loop, and lives: it is touched then too.

    Args:
        silence: seconds after which a loop that has not turned is stuck.
        leave: ends the process.
    """

    def __init__(self, file: Path, *, silence: float, leave: Callable[[], object]) -> None:
        self._file = file
        self._silence = silence
        self._leave = leave
        self._leave_at: float | None = None
        self._turned_at: float | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._file.touch()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """End, and leave no file behind."""
        self._ended.set()
        self._file.unlink(missing_ok=True)

    def turn(self) -> None:
        """Called by the loop, again and again."""
        self._turned_at = time.monotonic()

    def rest(self) -> None:
        """There is no loop now: the connection is lost."""
        self._turned_at = None

    def drain(self, seconds: float) -> None:
        """What runs may go on for so long. Called by a signal handler, where green threads must not wait."""
        self._leave_at = time.monotonic() + seconds

    def beat(self) -> None:
        """What the thread does, again and again."""
        now = time.monotonic()
        if self._leave_at is not None and now > self._leave_at:
            self._leave()
        if self._turned_at is None or now - self._turned_at < self._silence:
            self._file.touch()

    def _run(self) -> None:
        while not self._ended.wait(SECONDS):
            self.beat()


def beats(heartbeat: Heartbeat) -> type[bootsteps.StartStopStep]:
    """The step of Celery's consumer in whose loop a heartbeat turns."""

    class Beats(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: Any) -> None:
            heartbeat.turn()
            self._entry = consumer.timer.call_repeatedly(SECONDS, heartbeat.turn)

        def stop(self, _consumer: Any) -> None:
            heartbeat.rest()
            self._entry.cancel()

    return Beats
