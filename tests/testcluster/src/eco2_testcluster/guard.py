"""Kills a cluster's processes when the process that owns the cluster has gone, however it went.

`python -m eco2_testcluster.guard <owner pid> <owner start mark> <state file>` is a process of its own, which
outlives the owner: PR_SET_PDEATHSIG works on Linux only, and already when the *thread* that started a
component ends. It also ends when the state file does.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from eco2_testcluster.processes import ProcessId, stop_all
from eco2_testcluster.state import ClusterState

PAUSE = 0.5
"""Seconds between two looks at the owner."""


def watch(owner: ProcessId, *, state_file: Path) -> None:
    """Wait until `owner` ends or `state_file` goes away; in the first case kill what the file lists."""
    while state_file.exists():
        if owner.find() is None:
            state = ClusterState.load(state_file.parent)
            if state is not None:
                stop_all(state.process_ids(), seconds=0)
                state_file.unlink(missing_ok=True)
            return
        _wait(owner.pid)


def _wait(pid: int) -> None:
    """Wait for the process to end, a moment at most; at once where the system can tell (Linux)."""
    if not hasattr(os, "pidfd_open"):
        time.sleep(PAUSE)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        time.sleep(PAUSE)
        return
    try:
        select.select([descriptor], [], [], PAUSE)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    watch(ProcessId(int(sys.argv[1]), float(sys.argv[2])), state_file=Path(sys.argv[3]))
