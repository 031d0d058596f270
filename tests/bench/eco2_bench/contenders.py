"""Who is measured: how each is installed and started, and when an application is done in its eyes."""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from eco2_bench import workload
from eco2_bench.api import Api
from eco2_bench.process import Process
from eco2_operator.kinds import ECO_DOMAIN
from eco2_operator.naming import Manifest
from eco2_testcluster.binaries import resolve_binaries
from eco2_testcluster.progress import Reporter
from eco2_testcluster.tools import KRO_VERSION

ROOT: Final = Path(__file__).parents[3]
CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Contender(Protocol):
    """A controller that makes the children of N resources."""

    name: str
    version: str
    collection: str
    """URL path of its resources."""

    async def install(self, api: Api) -> None:
        """What has to be there before it starts."""

    def start(self, kubeconfig: Path, log: Path) -> Process:
        """Start it."""

    async def started(self, api: Api) -> None:
        """Wait until it would act on a resource."""

    def resource(self, name: str) -> Manifest:
        """The resource that asks for an application."""

    def done(self, resource: Mapping[str, Any]) -> bool:
        """Whether it says that the application is as wanted."""


class Eco2:
    """Our operator, as `eco2 run` starts it.

    Args:
        pods: whether pods are started: then an application is done when they serve, otherwise when its children exist.
    """

    name = "eco2"
    version = metadata.version("eco2-operator")
    collection = ECO_DOMAIN.path(workload.NAMESPACE)

    def __init__(self, *, pods: bool) -> None:
        self._condition = "Ready" if pods else "ChildrenApplied"

    async def install(self, api: Api) -> None:
        await install_crds(api, (ROOT / "crds").glob("*.yaml"))

    def start(self, kubeconfig: Path, log: Path) -> Process:
        argv = [sys.executable, "-m", "eco2_operator", "run"]
        return Process(argv, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, log=log)

    async def started(self, api: Api) -> None:
        """Nothing has to be asked: what is created before its watches stand is in their first lists."""

    def resource(self, name: str) -> Manifest:
        return workload.domain(name)

    def done(self, resource: Mapping[str, Any]) -> bool:
        status = resource.get("status") or {}
        return status.get("observedGeneration") == resource["metadata"]["generation"] and any(
            condition["type"] == self._condition and condition["status"] == "True" for condition in status["conditions"]
        )


class Kro:
    """kro with its limits opened, and with the log settings of its Helm chart.

    Args:
        waits: see `workload.graph`.
    """

    name = "kro"
    version = KRO_VERSION
    collection = f"/apis/kro.run/v1alpha1/namespaces/{workload.NAMESPACE}/applications"
    flags = (
        "--client-qps=2000",
        "--client-burst=4000",
        "--dynamic-controller-rate-limiter-rate-limit=1000",
        "--dynamic-controller-rate-limiter-burst-limit=1000",
        "--dynamic-controller-concurrent-reconciles=16",
        "--zap-log-level=info",
        "--zap-encoder=console",
        "--zap-devel=false",
        "--metrics-bind-address=127.0.0.1:0",
        "--health-probe-bind-address=127.0.0.1:0",
    )

    def __init__(self, reporter: Reporter, *, waits: bool) -> None:
        self._binary = resolve_binaries(["kro"], reporter=reporter)["kro"]
        self._waits = waits

    async def install(self, api: Api) -> None:
        await install_crds(api, (ROOT / "tests/bench/kro").glob("*.yaml"))

    def start(self, kubeconfig: Path, log: Path) -> Process:
        return Process([self._binary, *self.flags], env={**os.environ, "KUBECONFIG": str(kubeconfig)}, log=log)

    async def started(self, api: Api) -> None:
        """Give it the graph and wait until it serves the kind."""
        path = "/apis/kro.run/v1alpha1/resourcegraphdefinitions/applications.kro.run"
        await api.apply(path, workload.graph(waits=self._waits))
        async with asyncio.timeout(60):
            while (await api.request("GET", path)).get("status", {}).get("state") != "Active":
                await asyncio.sleep(0.2)

    def resource(self, name: str) -> Manifest:
        return workload.instance(name)

    def done(self, resource: Mapping[str, Any]) -> bool:
        return (resource.get("status") or {}).get("state") == "ACTIVE"


async def install_crds(api: Api, files: Iterable[Path]) -> None:
    """Apply CustomResourceDefinitions and wait until they are served."""
    for file in sorted(files):
        for crd in yaml.safe_load_all(file.read_text()):
            path = f"{CRDS}/{crd['metadata']['name']}"
            await api.apply(path, crd)
            async with asyncio.timeout(30):
                while not _established(await api.request("GET", path)):
                    await asyncio.sleep(0.1)


def _established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
