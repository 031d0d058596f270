"""The memory in which each worker keeps its numbers."""

import mmap
import os
import tempfile
from typing import Final, TypeAlias

from eco2_authz.metrics.families import CELLS, FAMILIES, PLACES, Gauge

READY: Final = CELLS
"""The cell after the metrics: 1 once the worker can decide."""
BEAT: Final = CELLS + 1
"""When the worker was last seen alive, in seconds of `time.monotonic`, which all processes share."""

_CELL: Final = 8
_PAGE: Final = 4096 // _CELL
"""Workers do not share pages, so that none waits for another's cache line."""
_STRIDE: Final = -(-(BEAT + 1) // _PAGE) * _PAGE

Cells: TypeAlias = "memoryview[float]"
"""The numbers of one worker, each a double."""


class Memory:
    """Numbers of so many workers, in a file without a name which their processes inherit.

    Args:
        file: its descriptor, of the process that made it; None: make it.
    """

    def __init__(self, workers: int, file: int | None = None) -> None:
        self.workers: Final = workers
        size = workers * _STRIDE * _CELL
        self.file: Final = _nameless() if file is None else file
        if file is None:
            os.ftruncate(self.file, size)
        self._cells = memoryview(mmap.mmap(self.file, size)).cast("d")

    def of(self, worker: int) -> Cells:
        """The numbers of one worker, counted from 0."""
        start = worker * _STRIDE
        return self._cells[start : start + BEAT + 1]

    def ended(self, worker: int) -> None:
        """A worker's process is gone: what it counted stays, what it was does not."""
        cells = self.of(worker)
        for family in FAMILIES:
            if isinstance(family, Gauge):
                cells[PLACES[family]] = 0.0
        cells[READY] = cells[BEAT] = 0.0


def _nameless() -> int:
    """A file in memory where the system has such, which needs no writable folder."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("eco2-authz")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
