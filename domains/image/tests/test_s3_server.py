"""The S3 server of the tests: it verifies signatures, keeps what it was given, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError
from support import s3 as support
from support.s3 import BUCKET, S3, running
from support.waits import eventually

TESTS = Path(support.__file__).parents[1]


def test_what_was_answered_survives_a_kill() -> None:
    with running() as server:
        server.put("kept", b"bytes", "image/png")
        server.restart()
        found = server.client.get_object(Bucket=BUCKET, Key="kept")
        assert (found["ContentType"], found["Body"].read()) == ("image/png", b"bytes")
        server.empty()
        assert server.keys() == []


def test_who_has_not_its_key_is_refused(s3_process: S3) -> None:
    client = support.client(s3_process.url, s3_process.access_key, "another secret")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.list_objects_v2(Bucket=BUCKET)
    client.close()


def test_nothing_stays_behind_a_process_that_is_killed() -> None:
    program = "import time; from support.s3 import running\nwith running() as server:\n" + (
        "    print(server.process.pid, server.folder, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=TESTS, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        assert Path(folder).exists()
        tests.kill()
    eventually(lambda: not Path(folder).exists())
    eventually(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
