"""Fixtures: meshes, each on a cluster of its own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from support import cluster as clusters
from support.mesh.mesh import PROGRAMS, Mesh

from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.embedded import EmbeddedCluster


@pytest.fixture(scope="session")
def programs(request: pytest.FixtureRequest) -> dict[str, Path]:
    """istiod and its agent; a build, which takes minutes, shows its progress in spite of pytest's capturing."""
    if sys.platform != "linux":
        pytest.skip("only Linux answers on 127.x.y.z without being told")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        return resolve_binaries(PROGRAMS)


@pytest.fixture(scope="module")
def new_mesh(programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mesh]]:
    """Makes meshes without workloads, not started yet, each on a cluster of its own; options as `Istiod` takes them."""
    with ExitStack() as stack:

        def make(**options: Any) -> Mesh:
            # Without nodes nothing schedules the pods, and nobody but the test says how they are.
            cluster = stack.enter_context(EmbeddedCluster(tmp_path_factory.mktemp("mesh") / "cluster", nodes=()))
            api = stack.enter_context(closing(clusters.connect(cluster)))
            return stack.enter_context(Mesh(cluster, api, programs=programs, **options))

        yield make
