from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from eco2_testcluster.processes import ProcessId, log_tail, spawn, start_mark, stop_all, with_argument
from eco2_testcluster.waits import until


@pytest.fixture
def sleeper(tmp_path: Path):
    child = spawn(["sleep", "600"], log=tmp_path / "log")
    yield child
    child.kill()
    child.wait()


def test_a_running_process_is_found(sleeper: subprocess.Popen[bytes]) -> None:
    found = ProcessId.of(sleeper.pid).find()
    assert found is not None
    assert found.pid == sleeper.pid


def test_a_number_that_was_given_to_another_process_is_not(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(sleeper.pid)
    assert replace(identity, started=identity.started - 1).find() is None


def test_a_process_that_ended_is_not_found_even_as_a_zombie(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGKILL)
    until(lambda: identity.find() is None, seconds=10, what="its end")


def test_the_start_of_a_process_that_never_was_is_an_error() -> None:
    with pytest.raises(psutil.NoSuchProcess):
        start_mark(2**22 + 1)


def test_processes_are_children_of_no_terminal(sleeper: subprocess.Popen[bytes]) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_stopping_asks_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = spawn(["sh", "-c", "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done"], log=log)
    until(lambda: "up" in log_tail(log), seconds=10, what="up")
    identity = ProcessId.of(child.pid)
    assert stop_all([identity], seconds=10) == [identity]
    child.poll()
    assert log_tail(log).endswith("bye")


def test_stopping_kills_what_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = spawn(["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], log=log)
    until(lambda: "up" in log_tail(log), seconds=10, what="up")
    identity = ProcessId.of(child.pid)
    stop_all([identity], seconds=0.1)
    child.poll()
    assert identity.find() is None


def test_a_paused_process_can_be_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGSTOP)
    assert stop_all([identity], seconds=10) == [identity]


def test_what_does_not_run_is_not_reported_as_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    assert stop_all([ProcessId(sleeper.pid, 0)], seconds=0) == []
    assert sleeper.poll() is None


def test_strays_are_known_by_program_and_argument(tmp_path: Path) -> None:
    child = spawn(["sleep", "601"], log=tmp_path / "log")
    try:
        identity = ProcessId.of(child.pid)
        assert identity in with_argument("601", names=("sleep",))
        assert identity not in with_argument("601", names=("etcd",))
        assert identity not in with_argument("somewhere/else", names=("sleep",))
    finally:
        child.kill()
        child.wait()


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert log_tail(log) == ""
    log.write_text("\n".join(f"line {number}" for number in range(20_000)))
    assert log_tail(log, lines=2) == "line 19998\nline 19999"
