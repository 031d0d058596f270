"""One cluster for all tests; what is kept of it when one fails."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext

import pytest
from support.e2e import engine, evidence
from support.e2e.bystanders import Bystanders, bystanders
from support.e2e.world import ROOT, World
from support.e2e.world import world as cluster
from support.waits import eventually

from eco2_testcluster.progress import Reporter

FOLDER = ROOT / ".eco2" / "e2e"
WORLD = pytest.StashKey[World]()
FIGURE = "figure"


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> Iterator[World]:
    """The cluster. Making it takes minutes, and shows its progress in spite of pytest's capturing."""
    if reason := engine.missing(os.environ):
        if os.environ.get(engine.DEMANDED) == "1":
            pytest.fail(f"{engine.DEMANDED}=1, but {reason}")
        pytest.skip(f"not run: {reason}")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            made = stack.enter_context(cluster(FOLDER, Reporter()))
        request.config.stash[WORLD] = made
        yield made


def is_well(world: World) -> bool:
    try:
        return world.is_well()
    except OSError as error:  # nobody issues tokens yet, or nothing answers
        raise AssertionError(str(error)) from error


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """The cluster, recovered from the test before; what the test puts into namespaces of its own goes with it."""
    eventually(lambda: is_well(shared), within=150)
    yield shared
    shared.clear()


@pytest.fixture(scope="session")
def unguarded(shared: World) -> Iterator[Bystanders]:
    """Pods that belong to nobody, and answer whoever asks: what shows that a missing answer means something."""
    with bystanders(shared) as made:
        yield made


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say a figure that was measured; all of them stand at the end of the report, and in its file."""
    return lambda figure: request.node.user_properties.append((FIGURE, f"{request.node.name}: {figure}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    figures = [text for report in reports if report.when == "call" for name, text in report.user_properties]
    if figures:
        terminalreporter.section("figures")
    for figure in figures:
        terminalreporter.write_line(figure)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep the evidence before the fixtures take it away."""
    report = yield
    made = item.config.stash.get(WORLD, None)
    if report.failed and made is not None:
        folder = FOLDER / "failures" / re.sub(r"[^\w.-]+", "_", f"{item.path.stem}-{item.name}-{report.when}")
        evidence.keep(made.kubectl, folder)
        report.sections.append(("evidence", f"kept in {folder}"))
    return report
