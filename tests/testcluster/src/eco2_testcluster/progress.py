"""Says what is being done and for how long, on a terminal and in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SILENCE = 20.0
"""Seconds after which a log gets another line, so that nobody takes a long build for a dead one."""


class Reporter:
    """Shows steps: a line with a running clock on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None, *, silence: float = SILENCE) -> None:
        # Standard output is for results (`kubeconfig`, `binaries`).
        self.console = console or Console(stderr=True, highlight=False)
        self._silence = silence

    def say(self, text: str) -> None:
        """One line."""
        self.console.print(escape(text), soft_wrap=True)

    @contextmanager
    def step(self, text: str, *, expected: float | None = None) -> Iterator[Callable[[str], None]]:
        """Show `text` while the block runs, and how long it took afterwards.

        `expected` is the usual time in seconds. The block gets a function that shows what it waits for.
        """
        label = text if expected is None else f"{text} (usually {_duration(expected)})"
        started = time.monotonic()
        shown = self._live(label) if self.console.is_terminal else self._lines(label, started=started)
        try:
            with shown as update:
                yield update
        except BaseException:
            self.console.print(f"[red]✗[/] {escape(text)} ({_duration(time.monotonic() - started)})", soft_wrap=True)
            raise
        self.console.print(f"[green]✓[/] {escape(text)} ({_duration(time.monotonic() - started)})", soft_wrap=True)

    @contextmanager
    def _live(self, label: str) -> Iterator[Callable[[str], None]]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(escape(label), total=None)
            yield lambda detail: progress.update(task, description=escape(f"{label}: {detail}"))

    @contextmanager
    def _lines(self, label: str, *, started: float) -> Iterator[Callable[[str], None]]:
        detail = ""
        done = threading.Event()

        def update(text: str) -> None:
            nonlocal detail
            detail = text

        def remind() -> None:
            while not done.wait(self._silence):
                now = f": {detail}" if detail else ""
                self.say(f"  … {label}{now}, {_duration(time.monotonic() - started)} so far")

        self.say(f"  {label}")
        thread = threading.Thread(target=remind, daemon=True)
        thread.start()
        try:
            yield update
        finally:
            done.set()
            thread.join()
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
