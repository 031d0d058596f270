from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from eco2_testcluster.guard import watch
from eco2_testcluster.processes import ProcessId, spawn
from eco2_testcluster.state import FILE, ClusterState, Component
from eco2_testcluster.waits import until


def state_with(process: ProcessId) -> ClusterState:
    return ClusterState(ports={}, components={"etcd": Component("etcd", ("etcd",), "", process)})


def test_components_end_with_their_owner(tmp_path: Path) -> None:
    owner = spawn(["sleep", "600"], log=tmp_path / "log")
    part = spawn(["sleep", "600"], log=tmp_path / "log")
    identity = ProcessId.of(part.pid)
    state_with(identity).save(tmp_path)
    command = [sys.executable, "-m", "eco2_testcluster.guard", str(owner.pid), str(ProcessId.of(owner.pid).started)]
    with subprocess.Popen([*command, tmp_path / FILE]) as guard:
        owner.kill()
        until(lambda: guard.poll() is not None, seconds=20, what="the guard's end")
    assert identity.find() is None
    assert not (tmp_path / FILE).exists()
    owner.wait()
    part.wait()


def test_a_guard_ends_with_the_state_file(tmp_path: Path) -> None:
    watch(ProcessId.current(), state_file=tmp_path / FILE)


def test_nothing_else_is_touched_while_the_owner_lives(tmp_path: Path) -> None:
    part = spawn(["sleep", "600"], log=tmp_path / "log")
    state_with(ProcessId.of(part.pid)).save(tmp_path)
    command = [sys.executable, "-m", "eco2_testcluster.guard"]
    me = ProcessId.current()
    with subprocess.Popen([*command, str(me.pid), str(me.started), tmp_path / FILE]) as guard:
        (tmp_path / FILE).unlink()
        until(lambda: guard.poll() is not None, seconds=20, what="the guard's end")
    assert part.poll() is None
    part.kill()
    part.wait()
