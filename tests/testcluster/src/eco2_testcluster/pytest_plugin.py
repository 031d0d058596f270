"""Fixtures: `cluster` (one for the session), `namespace` (one for a test), `new_cluster` (clusters to break).

Loaded by pytest through the entry point of this package; heavy imports wait until a fixture is used.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from eco2_testcluster.embedded import EmbeddedCluster

SHARED = "eco2-cluster"


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A running cluster with an audit log and one untainted node, shared by all tests of the session.

    Under pytest-xdist all workers share it: the first one that needs it starts it, the last one stops it. A test
    that stops or pauses components takes `new_cluster` instead.
    """
    binaries = _binaries(request.config)
    if hasattr(request.config, "workerinput"):
        with shared_cluster(tmp_path_factory.getbasetemp().parent, binaries=binaries) as shared:
            yield shared
        return
    with _new(tmp_path_factory.mktemp(SHARED), binaries=binaries) as own:
        yield own


@pytest.fixture
def namespace(cluster: EmbeddedCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a new namespace of the shared cluster; its deletion is not waited for."""
    from eco2_testcluster.waits import until

    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_")).strip("-")
    name = f"t-{words[:40].strip('-')}-{uuid.uuid4().hex[:8]}"
    client = cluster.client
    client.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    # Without it the first pods are refused, and their controllers back off.
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    until(lambda: client.get(account), seconds=30, what=account)
    yield name
    client.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def new_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., EmbeddedCluster]]:
    """Starts clusters of the test's own: `new_cluster(nodes=..., apiserver_flags=...)`, stopped at its end."""
    binaries = _binaries(request.config)
    with ExitStack() as stack:

        def start(**options: Any) -> EmbeddedCluster:
            folder = tmp_path / f"cluster-{uuid.uuid4().hex[:8]}"
            return stack.enter_context(_new(folder, binaries=binaries, **options))

        yield start


@contextmanager
def shared_cluster(folder: Path, *, binaries: dict[str, Path]) -> Iterator[EmbeddedCluster]:
    """The cluster that all xdist workers of a run share through `folder`."""
    from filelock import FileLock

    from eco2_testcluster.embedded import EmbeddedCluster
    from eco2_testcluster.processes import ProcessId

    users = folder / f"{SHARED}.users"
    lock = FileLock(folder / f"{SHARED}.lock")
    with lock:
        count = int(users.read_text()) if users.exists() else 0
        if count == 0:
            # It belongs to the process that runs the workers: this worker may end before the others.
            _new(folder / SHARED, binaries=binaries, owner=ProcessId.of(os.getppid())).start()
        users.write_text(str(count + 1))
    cluster = EmbeddedCluster.attach(folder / SHARED)
    try:
        yield cluster
    finally:
        with lock:
            count = int(users.read_text()) - 1
            users.write_text(str(count))
            if count == 0:
                cluster.stop()


def _new(folder: Path, **options: Any) -> EmbeddedCluster:
    from eco2_testcluster.audit import Audit
    from eco2_testcluster.embedded import EmbeddedCluster

    return EmbeddedCluster(folder, **{"audit": Audit(), **options})


def _binaries(config: pytest.Config) -> dict[str, Path]:
    """The programs; a build, which takes minutes, shows its progress in spite of pytest's capturing."""
    from eco2_testcluster.binaries import resolve_binaries

    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        return resolve_binaries()
