"""A controller as a process: start, stop, and what it costs."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from eco2_testcluster.errors import CommandError
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all

STOP_SECONDS = 30.0


class Process:
    """One run of a controller."""

    def __init__(self, argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._child: subprocess.Popen[bytes] = spawn(argv, log=log, env=env)
        self._process = psutil.Process(self._child.pid)
        self._identity = ProcessId.of(self._child.pid)

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system."""
        self.check()
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def check(self) -> None:
        """Raise CommandError, with the end of its log, when it has ended."""
        if self._child.poll() is not None:
            raise CommandError(f"the controller has ended; end of {self._log}:\n{log_tail(self._log)}")

    def rss(self) -> int:
        """Bytes of resident memory now."""
        return int(self._process.memory_info().rss)

    def peak_rss(self) -> int:
        """The most there ever was: the kernel's high-water mark; elsewhere than on Linux what there is now."""
        status = Path(f"/proc/{self._child.pid}/status")
        if not status.exists():
            return self.rss()
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def stop(self) -> None:
        """End it as a rollout would."""
        stop_all([self._identity], seconds=STOP_SECONDS)
        self._child.wait()
