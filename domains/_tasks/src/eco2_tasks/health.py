"""Whether the worker in this container lives: ``python -m eco2_tasks.health``, an exec probe. Standard library only.

Exit code 0 when the heartbeat file is young. It asks nothing of the broker: new workers would not bring it back.
"""

import os
import sys
import time
from pathlib import Path

SECONDS = 60.0
"""Twelve times as long as a heartbeat takes: a busy node is slow."""
DEFAULT_FILE = Path("/tmp/eco2-worker.heartbeat")  # noqa: S108 - a pod has its own; a service may have none
"""Where the heartbeat is unless WORKER_HEARTBEAT_FILE says otherwise."""


def is_alive(file: Path, *, now: float) -> bool:
    """Whether there was a heartbeat within the last minute."""
    try:
        return now - file.stat().st_mtime < SECONDS
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_alive(Path(os.environ.get("WORKER_HEARTBEAT_FILE") or DEFAULT_FILE), now=time.time()))
