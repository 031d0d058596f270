"""The image, built and run: what is in it, as whom it runs, and how it ends. Needs a Docker engine."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import redis
from support.authz.envoy_server import get
from support.authz.envoy_world import SYMMETRIC
from support.waits import eventually

from eco2_testcluster.ports import HOST, free_ports

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BASE = "python:3.13-slim"
NAME = "eco2-authz:test"
USER = "65532"


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=check)


@pytest.fixture(scope="module")
def image() -> str:
    """Its name; skips where nothing can be built."""
    try:
        engine = docker("version", check=False).returncode == 0
    except FileNotFoundError:
        engine = False
    if not engine:
        pytest.skip("not run: no Docker engine")
    if docker("image", "inspect", BASE, check=False).returncode and docker("pull", BASE, check=False).returncode:
        pytest.skip(f"not run: {BASE} is not there and cannot be pulled")
    # The network of the host: its proxy or mirror of PyPI may be there alone.
    docker("build", "--network", "host", "-f", str(ROOT / "authz" / "Dockerfile"), "-t", NAME, str(ROOT))
    return NAME


@contextmanager
def running(image: str, *options: str) -> Iterator[tuple[str, str]]:
    """A container as restricted as in Kubernetes, without a writable folder; its id, and where it is administered."""
    grpc, http = (f"{HOST}:{port}" for port in free_ports(2))
    with redis.running() as store:
        settings = {**SYMMETRIC, "REDIS_URL": store.url, "AUTHZ_GRPC_ADDR": grpc, "AUTHZ_HTTP_ADDR": http}
        environ = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        restricted = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        container = docker("run", "-d", "--network", "host", *restricted, *environ, *options, image).stdout.strip()
        try:
            eventually(lambda: get(http, "/readyz")[0] == 200)
            yield container, http
        finally:
            docker("rm", "-f", container)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_runs_restricted_and_ends_in_order(image: str, workers: str) -> None:
    with running(image, "-e", f"AUTHZ_WORKERS={workers}") as (container, http):
        rows = docker("top", container, "-eo", "pid,uid,gid,args").stdout.splitlines()[1:]
        assert len(rows) == (1 if workers == "1" else 3)
        assert {tuple(row.split()[1:3]) for row in rows} == {(USER, USER)}
        assert "ext_authz_requests_total" in get(http, "/metrics")[1]
        docker("kill", "-s", "TERM", container)
        assert docker("wait", container).stdout.strip() == "0"
        (state,) = json.loads(docker("inspect", container).stdout)
        assert not state["State"]["OOMKilled"]


def test_there_is_nothing_in_it_but_the_interpreter(image: str) -> None:
    script = """if True:
        import json, os
        from importlib.metadata import distributions
        places = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/eco2-authz/bin")
        folders = [place for place in places if os.path.isdir(place)]
        paths = [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)]
        outside = [folder for folder, _, _ in os.walk("/") if not folder.startswith(("/proc", "/dev", "/sys"))]
        print(json.dumps({
            "programs": sorted({os.path.basename(os.path.realpath(path)) for path in paths}),
            "installed": [distribution.name for distribution in distributions()],
            "writable": [folder for folder in outside if os.access(folder, os.W_OK)],
        }))
    """
    done = docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", script)
    found = json.loads(done.stdout)
    assert found["programs"] == ["eco2-authz", "python3.13"]
    assert "eco2-authz" in found["installed"]
    assert not {"pip", "setuptools", "uv", "wheel"} & set(found["installed"])
    assert found["writable"] == ["/tmp"]  # noqa: S108  which a read-only root makes read-only, too


def test_wrong_settings_are_said_and_end_it(image: str) -> None:
    done = docker("run", "--rm", "--network", "none", image, check=False)
    assert done.returncode == 2
    assert "JWKS_URL" in done.stderr
