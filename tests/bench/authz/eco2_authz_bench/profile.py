"""Where the time of our server goes: samples taken by py-spy while load is on it."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

RATE: Final = 500
"""Samples a second; py-spy halts the process for each."""
SHOWN: Final = 20
"""Lines that are listed."""
MAIN: Final = "MainThread"


def sampler() -> str | None:
    """The program; None when it is not installed."""
    return shutil.which("py-spy")


@contextmanager
def sampling(pid: int, *, seconds: float, into: Path) -> Iterator[None]:
    """Sample a process during the block: one line for each call stack and how often it was seen."""
    argv = [sampler() or "py-spy", "record", "--pid", str(pid), "--format", "raw", "--rate", str(RATE), "--threads"]
    argv += ["--duration", str(round(seconds)), "--output", str(into)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield
        process.wait()


def hottest(samples: Path) -> list[tuple[str, float]]:
    """The lines of the main thread in which most samples were taken, each with its share.

    The other threads wait nearly always, which py-spy does not see.
    """
    counts: Counter[str] = Counter()
    for line in samples.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        if MAIN in stack:
            counts[stack.rpartition(";")[2]] += int(count)
    return [(name, count / counts.total()) for name, count in counts.most_common(SHOWN)]
