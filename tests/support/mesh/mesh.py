"""The mesh of a test: who is in it, and calls between them."""

import random
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import yaml

from eco2_operator.build.context import Domain
from eco2_operator.kinds import AUTHORIZATION_POLICY, NAMESPACE, PEER_AUTHENTICATION, SERVICE_ACCOUNT
from eco2_operator.plan import Plan
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.tools import ISTIOD, PILOT_AGENT
from support import cluster as clusters
from support.api import Api, Object
from support.mesh import istiod, objects
from support.mesh.backend import Answer, Backend, ask
from support.mesh.istiod import Istiod
from support.mesh.objects import POD, SERVICE_ENTRY, SIDECAR, Port, Role, Workload
from support.mesh.ports import Ports
from support.mesh.proxy import Proxy
from support.waits import eventually

CRDS: Final = Path(__file__).parents[1] / "crds"
PROGRAMS: Final = (ISTIOD.name, PILOT_AGENT.name)
POLICIES: Final = (AUTHORIZATION_POLICY, PEER_AUTHENTICATION)
MANAGER: Final = "eco2-tests"


def definitions() -> list[Object]:
    """Istio's CustomResourceDefinitions, as far as they are needed."""
    return [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.istio.io.yaml"))]


class Mesh:
    """A mesh on a cluster of its own that has no nodes. Add workloads, then `start`.

    What the API server holds when istiod starts is in the first configuration it sends, so no proxy ever runs
    without its policies.

    Args:
        programs: paths of `PROGRAMS` by name.
        options: what `Istiod` takes besides.
    """

    def __init__(self, cluster: EmbeddedCluster, api: Api, *, programs: Mapping[str, Path], **options: Any) -> None:
        self.api = api
        self.ports = Ports()
        self.istiod = Istiod(cluster, program=programs[ISTIOD.name], ports=self.ports, **options)
        self.proxies: dict[Workload, Proxy] = {}
        self.cluster = cluster
        self._agent = programs[PILOT_AGENT.name]
        self._backend = Backend()
        self._stack = ExitStack()
        # Of many loopback networks one that nobody else is likely to use at the moment.
        self._network = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"  # noqa: S311
        self._hosts = iter(range(1, 255))

    def __enter__(self) -> Self:
        for definition in definitions():
            clusters.install_crd(self.api, definition)
        clusters.create_namespace(self.api, istiod.NAMESPACE)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- who is in it ----------------------------------------------------------------------------------------

    def add(self, namespace: str, name: str, *, account: str | None = None, ports: Iterable[Port] = ()) -> Workload:
        """A workload that is nobody's EcoDomain."""
        return self._add(namespace, name, account or name, labels={"app": name}, ports=tuple(ports))

    def add_gateway(self, namespace: str, name: str, *, account: str, labels: Mapping[str, str]) -> Workload:
        """A gateway. Where Gateway resources say 80 and 443, it listens on free ports (`door`).

        istiod translates, as it does for a Service with other target ports; and it gives a gateway certificates only
        when its account may list Secrets, so Istio's charts let it.
        """
        doors = self.ports.named("http", "https")
        ports = (Port("http", 80, "HTTP", doors["http"]), Port("https", 443, "HTTPS", doors["https"]))
        gateway = self._add(namespace, name, account, labels=labels, ports=ports, role="router")
        for kind, grant in objects.certificate_reader(gateway).items():
            self.api.apply(kind, grant, manager=MANAGER)
        return gateway

    def add_domain(self, domain: Domain, plan: Plan) -> Workload:
        """A workload as its plan wants it: the pod, and the policies for it."""
        children = {child["kind"]: child for child in plan.children}
        template = children["Deployment"]["spec"]["template"]
        workload = self._add(
            domain.namespace,
            domain.name,
            template["spec"]["serviceAccountName"],
            labels=template["metadata"]["labels"],
            ports=objects.ports(children["Service"], template),
            spec=template["spec"],
        )
        for kind in POLICIES:
            self.api.apply(kind, children[kind.name], manager=MANAGER)
        return workload

    def namespace(self, name: str) -> None:
        """Have a namespace."""
        if self.api.get(NAMESPACE, "", name) is None:
            clusters.create_namespace(self.api, name)

    def start(self) -> None:
        """Start istiod and a proxy for each workload; returns when all of them listen."""
        self._stack.enter_context(self._backend)
        sidecars = [workload for workload in self.proxies if workload.role == "sidecar"]
        callable_ports = {port.number: port for workload in sidecars for port in workload.ports}.values()
        for workload in sidecars:
            wanted = objects.sidecar(workload, backend=self._backend.address, callable_ports=callable_ports)
            self.api.apply(SIDECAR, wanted, manager=MANAGER)
        self._stack.callback(self.istiod.stop)
        self.istiod.start()
        for proxy in self.proxies.values():
            self._stack.callback(proxy.stop)
            proxy.start(self.api)
        for proxy in self.proxies.values():
            proxy.wait()
        for workload in sidecars:
            own = {f"{workload.address}:{port.number}" for port in workload.ports}
            others = {f"{workload.outside}:{port.number}" for port in callable_ports}
            self.listens(workload, own | others)

    def listens(self, workload: Workload, addresses: Iterable[str]) -> None:
        """Wait until a proxy listens on these addresses: ``127.0.0.1:8000``."""
        wanted = set(addresses)
        eventually(lambda: wanted <= set(self.proxies[workload].listens()))

    # -- calls -----------------------------------------------------------------------------------------------

    def call(self, caller: Workload, target: Workload, path: str, **options: Any) -> Answer:
        """A request from one workload to another through both proxies.

        Args:
            options: port (default the target's first), and what `ask` takes.
        """
        return self._ask(caller.outside, target, path, **options)

    def call_directly(self, target: Workload, path: str, **options: Any) -> Answer:
        """A request to a workload's address by somebody without a proxy."""
        return self._ask(target.address, target, path, **options)

    def _ask(self, address: str, target: Workload, path: str, *, port: int | None = None, **options: Any) -> Answer:
        return ask(address, port or target.ports[0].number, host=target.host, path=path, **options)

    # -- inside ----------------------------------------------------------------------------------------------

    def _add(
        self,
        namespace: str,
        name: str,
        account: str,
        *,
        labels: Mapping[str, str],
        ports: tuple[Port, ...] = (),
        role: Role = "sidecar",
        spec: Object | None = None,
    ) -> Workload:
        address, outside = (f"{self._network}.{next(self._hosts)}" for _ in range(2))
        workload = Workload(namespace, name, account, labels, address, outside, ports, role, spec)
        self.namespace(namespace)
        self.api.apply(SERVICE_ACCOUNT, objects.service_account(workload), manager=MANAGER)
        self.api.apply(POD, objects.pod(workload), manager=MANAGER)
        self.api.patch(POD, namespace, name, objects.running(workload), subresource="status")
        if ports:
            self.api.apply(SERVICE_ENTRY, objects.service_entry(workload), manager=MANAGER)
        self.proxies[workload] = Proxy(self.cluster, self.istiod, workload, program=self._agent, ports=self.ports)
        return workload
