"""The clusters everything is measured on: the same for everybody, and fresh for each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from eco2_bench import workload
from eco2_bench.api import Api
from eco2_testcluster.audit import Audit
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.progress import Reporter


@contextmanager
def fresh_cluster(folder: Path, reporter: Reporter, *, who: str, pods: bool) -> Iterator[EmbeddedCluster]:
    """A cluster with one node and an audit log. Without ``pods`` nobody makes ReplicaSets of the Deployments."""
    controllers = ("*",) if pods else ("*", "-deployment-controller")
    cluster = EmbeddedCluster(folder, audit=Audit(), controllers=controllers)
    with reporter.step(f"{who}: a fresh cluster", expected=6) as progress:
        cluster.start(progress=progress)
    try:
        yield cluster
    finally:
        cluster.stop()


async def create_namespace(api: Api) -> dict[str, int]:
    """Make the namespace; how many objects of each kind it has by itself."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": workload.NAMESPACE}}
    await api.request("POST", "/api/v1/namespaces", namespace)
    async with asyncio.timeout(60):
        while await api.count(f"/api/v1/namespaces/{workload.NAMESPACE}/serviceaccounts") < 1:
            await asyncio.sleep(0.1)
    return await count_children(api)


async def count_children(api: Api) -> dict[str, int]:
    """How many objects of each of the children's kinds the namespace has."""
    return {kind.name: await api.count(kind.path(workload.NAMESPACE)) for kind in workload.KINDS}


class Machine:
    """Who uses the processors: the figures of a run on a busy machine say little."""

    def __init__(self, cluster: EmbeddedCluster) -> None:
        processes = [part.process for part in cluster.state().components.values() if part.process]
        self._cluster = [psutil.Process(process.pid) for process in processes]
        self._before = self._busy(), self._used()

    def since(self) -> tuple[float, float]:
        """CPU seconds of the cluster, and of the whole machine, since this object was made."""
        return self._used() - self._before[1], self._busy() - self._before[0]

    def _used(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._cluster)

    @staticmethod
    def _busy() -> float:
        times = psutil.cpu_times()
        # A guest's time is part of the user's; what the host takes away shows as `steal`, and counts.
        quiet = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0)
        return float(sum(times) - quiet - getattr(times, "guest_nice", 0.0))
