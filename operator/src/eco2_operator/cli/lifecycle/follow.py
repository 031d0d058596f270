"""Looking again and again until something is done: with a spinner on a terminal, else one line for each news."""

import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

from eco2_operator.cli.errors import DIFFERS, DONE, note
from eco2_operator.cli.lifecycle.progress import Progress

PAUSE_SECONDS: Final = 0.5


def follow(look: Callable[[], Progress], *, seconds: float) -> int:
    """Wait until it is done or has failed. The exit code: 0 done, 1 failed or not done in time."""
    deadline = time.monotonic() + seconds
    terminal = Console(stderr=True, highlight=False, markup=False)
    last = ""
    with terminal.status("asked the operator") as spinner:
        while (progress := look()).state == "working" and time.monotonic() < deadline:
            if progress.text != last:
                last = progress.text
                spinner.update(last)
                if not terminal.is_terminal:
                    note(last)
            time.sleep(PAUSE_SECONDS)
    if progress.state == "working":
        note(f"not done after {seconds:g} s; what was last to be seen: {progress.text}")
        return DIFFERS
    note(f"{progress.state}: {progress.text}")
    return DONE if progress.state == "done" else DIFFERS
