"""Processes beside the cluster's own, which end with it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.processes import ProcessId, log_tail, spawn, stop_all
from eco2_testcluster.state import ClusterState, Component


class Part:
    """One program. The cluster's guard ends it, and the child it has, when the test run is killed."""

    def __init__(self, cluster: EmbeddedCluster, name: str) -> None:
        self._folder = cluster.directory
        self._logs = cluster.logs
        self._name = name
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._logs / f"{self._name}.log"

    def start(self, argv: Sequence[str | Path], *, cwd: Path, environ: Mapping[str, str]) -> None:
        """Start it."""
        self._child = spawn(argv, log=self.log, env=environ, cwd=cwd)
        register(self._folder, self._name, self._child.pid)

    def for_child(self, program: Path, *, into: Path) -> Path:
        """A script that it can start in place of a program: the program, but known to the guard."""
        words = map(str, (sys.executable, __file__, self._folder, self._child_name, program))
        script = into / program.name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o700)
        return script

    def check(self) -> None:
        """Raise RuntimeError, with the end of its log, when it does not run any more."""
        if self._child is None or self._child.poll() is not None:
            raise RuntimeError(f"{self._name} ended; its log: {log_tail(self.log, lines=40)}")

    def stop(self) -> None:
        """End it and its child at once: nothing of them is kept."""
        state = ClusterState.load(self._folder)
        parts = [state.components.get(name) for name in (self._child_name, self._name)] if state else []
        stop_all([part.process for part in parts if part and part.process], seconds=0)
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
        _change(self._folder, lambda state: state.without_component(self._name).without_component(self._child_name))

    @property
    def _child_name(self) -> str:
        return f"{self._name}-child"


def register(folder: Path, name: str, pid: int) -> bool:
    """Make a process a part of the cluster in a folder; False when no cluster is there any more."""
    part = Component(name=name, argv=(), health="", process=ProcessId.of(pid))
    return _change(folder, lambda state: state.with_component(part))


def _change(folder: Path, change: Callable[[ClusterState], ClusterState]) -> bool:
    with FileLock(folder / ".lock"):
        state = ClusterState.load(folder)
        if state is not None:
            change(state).save(folder)
        return state is not None


if __name__ == "__main__":
    # In the process that becomes the program: known before it runs.
    if not register(Path(sys.argv[1]), sys.argv[2], os.getpid()):
        raise SystemExit("the cluster has gone")
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606  no shell is meant
