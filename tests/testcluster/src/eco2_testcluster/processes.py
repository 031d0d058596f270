"""Child processes that can be found again, and stopped, by another process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from eco2_testcluster.waits import until

KILL_SECONDS = 10.0
"""How long the system may take to end a process that was killed."""


@dataclass(frozen=True)
class ProcessId:
    """A process, told apart from a later one that got the same number by when it started."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """The identity of the process that has `pid` now. Raises psutil.NoSuchProcess."""
        return cls(pid, start_mark(pid))

    @classmethod
    def current(cls) -> ProcessId:
        """The identity of this process."""
        return cls.of(os.getpid())

    def find(self) -> psutil.Process | None:
        """The process if it still runs; None when it ended or its number belongs to another one."""
        try:
            process = psutil.Process(self.pid)
            same = start_mark(self.pid) == self.started and not _has_ended(process)
        except psutil.Error:
            return None
        return process if same else None


def start_mark(pid: int) -> float:
    """When a process started, as a number that stays the same while it lives.

    Raises psutil.NoSuchProcess. On Linux these are clock ticks since boot: psutil's creation time is a wall
    clock's, which moves when a machine's clock is set, and `down` would no longer know its own processes.
    """
    if sys.platform != "linux":
        return psutil.Process(pid).create_time()
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    # The second field is the program's name in parentheses, which may hold anything.
    return float(stat.rpartition(")")[2].split()[19])


def _has_ended(process: psutil.Process) -> bool:
    """Whether it is a zombie, and all of it: while threads are still ending, its ports are not free yet."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in its own session, out of reach of the terminal's Ctrl-C; it writes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def stop_all(processes: Iterable[ProcessId], *, seconds: float) -> list[ProcessId]:
    """Ask all processes to end, kill what is left after `seconds`, and return those that were running."""
    running = [identity for identity in processes if identity.find()]
    for identity in running:
        # A paused process would never see the request.
        _signal(identity, signal.SIGCONT)
        _signal(identity, signal.SIGTERM)
    if not _wait(running, seconds=seconds):
        for identity in running:
            _signal(identity, signal.SIGKILL)
        _wait(running, seconds=KILL_SECONDS)
    return running


def _signal(identity: ProcessId, number: signal.Signals) -> None:
    if process := identity.find():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _wait(processes: Sequence[ProcessId], *, seconds: float) -> bool:
    """Whether all have ended by then. One that nobody has asked for its exit code yet (a zombie) has ended."""
    try:
        return until(lambda: not any(each.find() for each in processes), seconds=seconds, what="end", pause=0.05)
    except TimeoutError:
        return False


def with_argument(text: str, *, names: Container[str]) -> list[ProcessId]:
    """This user's processes of one of these program names that have `text` in an argument."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "uids"]):
        # macOS gives no command line of other users' processes.
        words, uids = process.info["cmdline"] or [], process.info["uids"]
        if not words or uids is None or uids.real != os.getuid() or Path(words[0]).name not in names:
            continue
        if any(text in word for word in words[1:]):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(ProcessId.of(process.pid))
    return found


def log_tail(log: Path, *, lines: int = 15) -> str:
    """The last lines of a log file; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
