"""Fixtures: meshes, each on a cluster of its own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from mesh import entrances
from support import cluster as clusters
from support.api import Object
from support.mesh import entrance, load
from support.mesh.entrance import CERTIFICATE, World
from support.mesh.load import Crowd
from support.mesh.mesh import PROGRAMS, Mesh
from support.mesh.operated import Operated
from support.mesh.operated import operated as operator_of
from support.mesh.rendering import ingress, route
from support.waits import eventually

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


@contextmanager
def meshes(programs: dict[str, Path], folders: pytest.TempPathFactory) -> Iterator[Callable[..., Mesh]]:
    """Makes meshes without workloads, not started yet, each on a cluster of its own; options as `Istiod` takes them."""
    with ExitStack() as stack:

        def make(**options: Any) -> Mesh:
            # Without nodes nothing schedules the pods, and nobody but the test says how they are.
            cluster = stack.enter_context(EmbeddedCluster(folders.mktemp("mesh") / "cluster", nodes=()))
            api = stack.enter_context(closing(clusters.connect(cluster)))
            return stack.enter_context(Mesh(cluster, api, programs=programs, **options))

        yield make


@pytest.fixture(scope="module")
def new_mesh(programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mesh]]:
    """Makes meshes that end with the module."""
    with meshes(programs, tmp_path_factory) as new:
        yield new


@pytest.fixture(scope="session")
def gateway(programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A gateway with `entrances`: for tests that leave everything as it was."""
    with meshes(programs, tmp_path_factory) as new, entrance.world(new) as world:
        world.open(entrances.api(world.keys.url), entrances.grafana(), entrances.web())
        token = world.token()
        eventually(lambda: world.ask("/api/v1/scan", host="api.test", token=token).status == 200)
        eventually(lambda: world.secure("/api/v1/scan", host="api.test").status == 401)
        eventually(lambda: world.secure("/", host="grafana.test").status == 200)
        eventually(lambda: world.ask("/", host="a.web.test", token=token).status == 200)
        yield world


@pytest.fixture(scope="module")
def operated(new_mesh: Callable[..., Mesh]) -> Iterator[Operated]:
    """A gateway that the real operator looks after."""
    with entrance.world(new_mesh) as world, operator_of(world) as made:
        yield made


@pytest.fixture(scope="module")
def first(operated: Operated) -> Object:
    """An entrance that stands all the time, by HTTP and HTTPS: so there are connections that are older than others."""
    made = ingress(
        "first",
        hosts=["api.test"],
        gateway={"tls": {"secretName": CERTIFICATE}, "httpsRedirect": False},
        routes=[route("/", "grafana", public=True), route("/asked", "chat")],
        cors={"allowOrigins": ["https://app.test"]},
    )
    operated.create(made)
    eventually(lambda: operated.world.ask("/", host="api.test").service == "grafana")
    eventually(lambda: operated.world.secure("/", host="api.test").service == "grafana")
    eventually(lambda: operated.is_settled(made))
    return made


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    """Visitors that end with the test."""
    with load.crowd() as made:
        yield made
