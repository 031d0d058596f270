from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from support.redis import free_port

from eco2_sample.cli import main
from eco2_sample.misbehaviour import LAST_WORD


def run(*words: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eco2_sample", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, preexec_fn=before)


def test_a_crash_has_a_last_word() -> None:
    done = run("crash")
    assert (done.returncode, done.stderr) == (3, f"{LAST_WORD}\n")


def test_memory_is_taken_until_there_is_none() -> None:
    limit = 512 * 1024 * 1024
    done = run("eat-memory", before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert "MemoryError" in done.stderr
    assert int(done.stdout.splitlines()[-1].split()[0]) >= 64


def test_a_migration_ends_as_told() -> None:
    assert CliRunner().invoke(main, ["migrate"]).exit_code == 0
    assert CliRunner().invoke(main, ["migrate", "--fail"]).exit_code == 1


def test_connect_prints_json_and_says_it_by_its_exit_code() -> None:
    result = CliRunner().invoke(main, ["connect", "127.0.0.1", str(free_port()), "--timeout", "5"])
    assert result.exit_code == 1
    assert json.loads(result.output)["outcome"] == "refused"


def test_get_prints_json_and_fails_when_an_answer_lacks() -> None:
    done = run("get", f"http://127.0.0.1:{free_port()}/", "--header", "x-user-id: u1", "--count", "2")
    assert done.returncode == 1
    assert json.loads(done.stdout)["errors"] == {"ConnectionRefusedError": 2}


def test_a_header_without_a_colon_is_refused() -> None:
    result = CliRunner().invoke(main, ["get", "http://127.0.0.1:1/", "--header", "x-user-id"])
    assert result.exit_code == 2
    assert "must be NAME:VALUE" in result.output


def test_redis_ends_in_order() -> None:
    port = free_port()
    command = [sys.executable, "-m", "eco2_sample", "redis", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


@pytest.mark.parametrize("word", ["serve", "crash", "eat-memory", "migrate", "redis", "connect", "get"])
def test_every_mode_explains_itself(word: str) -> None:
    assert CliRunner().invoke(main, [word, "--help"]).exit_code == 0
