"""Fixtures: a cluster for the fault tests of one process, and rigs: an operator in it behind a proxy that makes faults.

The cluster is not the shared one of the other tests: its operator must be the only one.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import cluster as clusters
from support.api import Api
from support.faults.rig import Rig
from support.reports import add_logs, show_log_of

from eco2_testcluster.audit import Audit
from eco2_testcluster.embedded import EmbeddedCluster


@contextmanager
def installed(folder: Path) -> Iterator[tuple[EmbeddedCluster, Api]]:
    """A cluster with the CustomResourceDefinitions and the operator's role."""
    # An autoscaler says something about itself 15 s after it was made, whenever a test may be over.
    controllers = ("*", "-horizontal-pod-autoscaler-controller")
    with (
        EmbeddedCluster(folder, audit=Audit(), controllers=controllers) as cluster,
        closing(clusters.connect(cluster)) as api,
    ):
        clusters.install(api, clusters.crds())
        # Else the garbage collector would look for new kinds, and so begin with ours, half a minute later.
        cluster.restart_component("kube-controller-manager")
        yield cluster, api


@pytest.fixture(scope="session")
def fault_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedCluster, Api]]:
    """The cluster of all modules that one process runs; a test that stops its parts takes `private_rig`."""
    with installed(tmp_path_factory.mktemp("faults") / "cluster") as found:
        yield found


@pytest.fixture(scope="module")
def module_rig(fault_cluster: tuple[EmbeddedCluster, Api], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The module's rig, its operator not running yet."""
    with closing(Rig.build(*fault_cluster, tmp_path_factory.mktemp("proxy"))) as rig:
        yield rig


@pytest.fixture(scope="module")
def private_module_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The module's rig with a cluster of its own, to break."""
    folder, proxy = tmp_path_factory.mktemp("private") / "cluster", tmp_path_factory.mktemp("proxy")
    with installed(folder) as (cluster, api), closing(Rig.build(cluster, api, proxy)) as rig:
        yield rig


@pytest.fixture
def rig(module_rig: Rig, request: pytest.FixtureRequest) -> Rig:
    """The module's rig; the operator runs, and its log of this test is shown when the test fails."""
    show_log_of(module_rig.operator, request.node)
    module_rig.supervise()
    return module_rig


@pytest.fixture
def private_rig(private_module_rig: Rig, request: pytest.FixtureRequest) -> Rig:
    """The rig with the cluster to break; the operator runs, and its log is shown when the test fails."""
    show_log_of(private_module_rig.operator, request.node)
    private_module_rig.supervise()
    return private_module_rig


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the operator's log of a failed test."""
    report = yield
    add_logs(item, report)
    return report
