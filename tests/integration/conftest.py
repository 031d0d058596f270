"""Fixtures: the shared cluster with the operator running in it, domains to play with, operators and clusters to break.

Most tests share one cluster and one operator, each in its own namespace. With pytest-xdist all workers share them too.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest
from filelock import FileLock
from support import cluster as clusters
from support import grants
from support.api import NAMESPACE, Api, Object
from support.audit import AuditTrail
from support.domains import Domain, manifest
from support.operator import Operator
from support.reports import add_logs, show_log_of

from eco2_operator.kinds import ECO_DOMAIN
from eco2_testcluster.audit import Audit
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.state import ClusterState

SHARED = "eco2-operator"


@pytest.fixture(scope="session")
def installed(cluster: EmbeddedCluster) -> EmbeddedCluster:
    """The shared cluster with the CustomResourceDefinitions."""
    with FileLock(cluster.directory / ".install.lock"), closing(clusters.connect(cluster)) as client:
        clusters.install(client, clusters.crds())
    return cluster


@pytest.fixture(scope="session")
def api(installed: EmbeddedCluster) -> Iterator[Api]:
    """An administrator's client of the shared cluster."""
    with closing(clusters.connect(installed)) as client:
        yield client


@pytest.fixture(scope="session")
def new_namespace(api: Api) -> Iterator[Callable[[str], str]]:
    """Makes namespaces that live as long as the session: for domains that the tests of a module share."""
    made = []

    def make(purpose: str) -> str:
        name = f"t-{purpose}-{uuid.uuid4().hex[:8]}"
        clusters.create_namespace(api, name)
        made.append(name)
        return name

    yield make
    for name in made:
        api.delete(NAMESPACE, "", name)


@pytest.fixture(scope="session")
def shared_operator(installed: EmbeddedCluster) -> Iterator[Operator]:
    """The operator of the shared cluster: the first who needs it starts it, the last who used it stops it."""
    operator = Operator(installed, user=SHARED)
    users, lock = installed.directory / "operator.users", FileLock(installed.directory / ".operator.lock")
    with lock:
        count = int(users.read_text()) if users.exists() else 0
        if count == 0:
            operator.start()
            operator.disown()
        else:
            state = ClusterState.load(installed.directory)
            assert state is not None
            operator.process = state.components[SHARED].process
        users.write_text(str(count + 1))
    yield operator
    with lock:
        count = int(users.read_text()) - 1
        users.write_text(str(count))
        if count == 0:
            operator.stop()


@pytest.fixture
def operator(shared_operator: Operator, request: pytest.FixtureRequest) -> Operator:
    """The shared operator; its log of this test is shown when the test fails."""
    show_log_of(shared_operator, request.node)
    return shared_operator


@pytest.fixture
def audit(operator: Operator) -> AuditTrail:
    """What the shared operator asks of the API server from now on."""
    return operator.audit()


@pytest.fixture
def new_domain(api: Api, operator: Operator, namespace: str) -> Callable[..., Domain]:
    """Creates EcoDomains in the test's namespace, under the eyes of the shared operator."""

    def create(name: str = "scan", **spec: Any) -> Domain:
        api.create(ECO_DOMAIN, manifest(namespace, name, **spec))
        return Domain(api, namespace, name)

    return create


@pytest.fixture
def domain(new_domain: Callable[..., Domain]) -> Domain:
    """A Ready EcoDomain with two replicas."""
    return new_domain().becomes_ready()


@dataclass(frozen=True)
class Private:
    """A cluster of a test's own, and its operator."""

    cluster: EmbeddedCluster
    api: Api
    operator: Operator

    def namespace(self, name: str) -> str:
        """A new namespace."""
        clusters.create_namespace(self.api, name)
        return name

    def domain(self, namespace: str, name: str = "scan", **spec: Any) -> Domain:
        """A new EcoDomain."""
        self.api.create(ECO_DOMAIN, manifest(namespace, name, **spec))
        return Domain(self.api, namespace, name)


@pytest.fixture(scope="module")
def new_private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Private]]:
    """Starts clusters to break, each with an operator of its own that the test starts; they end with the module."""
    with ExitStack() as stack:

        def start(
            *,
            settings: dict[str, str] | None = None,
            definitions: Sequence[Object] | None = None,
            **options: Any,
        ) -> Private:
            folder = tmp_path_factory.mktemp("private") / "cluster"
            cluster = stack.enter_context(EmbeddedCluster(folder, **{"audit": Audit(), **options}))
            api = stack.enter_context(closing(clusters.connect(cluster)))
            clusters.install(api, clusters.crds() if definitions is None else definitions)
            operator = Operator(cluster, settings=settings or {})
            stack.callback(operator.stop)
            return Private(cluster, api, operator)

        yield start


@pytest.fixture
def show_log(request: pytest.FixtureRequest) -> Callable[[Operator], None]:
    """Has an operator's log shown when the test fails."""
    return lambda operator: show_log_of(operator, request.node)


@pytest.fixture(scope="session")
def _next_node_port(worker_id: str) -> Iterator[int]:
    worker = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    return iter(range(30000 + 16 * (worker % 5), 30000 + 16 * (worker % 5 + 1)))


@pytest.fixture
def node_port(_next_node_port: Iterator[int]) -> int:
    """A node port that nobody asks for and that the API server does not hand out by itself (KEP-3668)."""
    return next(_next_node_port)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show the operator's log of a failed test."""
    report = yield
    add_logs(item, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After a whole run: is every permission of the operator used?"""
    grants.check(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which is not."""
    grants.tell(terminalreporter)
