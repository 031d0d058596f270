from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os
import pathlib
import time

import pytest

@pytest.mark.parametrize("number", range(6))
def test_uses_the_cluster(cluster, namespace, number):
    here = pathlib.Path(os.environ["HERE"])
    (here / f"{os.environ['PYTEST_XDIST_WORKER']}-{number}").write_text(f"{cluster.apiserver_url} {cluster.directory}")
    assert cluster.client.get(f"/api/v1/namespaces/{namespace}")
    while len({path.name.split("-")[0] for path in here.glob("gw*")}) < 2:
        time.sleep(0.05)
"""


@pytest.mark.cluster
def test_workers_share_one_cluster_which_ends_with_the_last(tmp_path: Path) -> None:
    (tmp_path / "test_shared.py").write_text(TESTS)
    (tmp_path / "here").mkdir()
    env = {**os.environ, "HERE": str(tmp_path / "here")}
    for name in [name for name in env if name.startswith("PYTEST_")]:
        del env[name]
    words = ["-m", "pytest", "-q", "-n", "2", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    result = subprocess.run(
        [sys.executable, *words, "--rootdir", tmp_path, "-c", "/dev/null", "test_shared.py"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    written = {path.read_text() for path in (tmp_path / "here").iterdir()}
    assert len(written) == 1
    folder = Path(written.pop().split()[1])
    assert not (folder / "cluster.json").exists()
