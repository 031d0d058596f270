"""One controller from its start to its restart, on a cluster of its own."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import orjson

from eco2_bench import workload
from eco2_bench.api import MERGE_PATCH, Api
from eco2_bench.cluster import Machine, count_children, create_namespace, fresh_cluster
from eco2_bench.contenders import Contender
from eco2_bench.latency import DeploymentWatch
from eco2_bench.process import Process
from eco2_bench.requests import AuditLog
from eco2_bench.results import Creation, Floor, Phase, Run
from eco2_testcluster.embedded import EmbeddedCluster
from eco2_testcluster.progress import Reporter

CREATORS = 16
"""Resources created at a time, the same for every contender."""
POLL_SECONDS = 0.1
REST_WINDOWS = 5
"""Seconds in a row without work that count as rest; kro looks again every 3 s while an application is not done."""
REST_CPU = 0.03
"""CPU seconds in one second that are not work: timers, TLS keep-alive, a metric."""
REST_TIMEOUT = 180.0
EDIT_PAUSE = 0.5
"""Between two edits, so that each meets a controller that has nothing else to do but the pods of the last one."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    applications: int
    edits: int
    idle_seconds: float
    pods: bool
    """Whether the cluster starts pods for the Deployments."""


def measure_floor(plan: Plan, folder: Path, reporter: Reporter) -> Floor:
    """Bare writes on a cluster of their own."""
    with fresh_cluster(folder, reporter, who="bare writes", pods=plan.pods) as cluster:
        kubeconfig = cluster.user_kubeconfig("floor", groups=["system:masters"])
        audit = AuditLog(cluster.audit_log, user="floor")
        standing = asyncio.run(_with(cluster, create_namespace))
        machine = Machine(cluster)
        with reporter.step(f"bare writes: the children of {plan.applications} applications", expected=15):
            answer = subprocess.run(
                [sys.executable, "-m", "eco2_bench.floor", kubeconfig, str(plan.applications)],
                cwd=Path(__file__).parents[1],
                stdout=subprocess.PIPE,
                check=True,
            )
        figures = orjson.loads(answer.stdout)
        used, busy = machine.since()
        made = asyncio.run(_with(cluster, count_children))
        return Floor(
            wall=figures["wall"],
            cpu=figures["cpu"],
            peak_rss=figures["rss"],
            requests=audit.take(),
            objects={kind: count - standing[kind] for kind, count in made.items()},
            cluster_cpu=used,
            others=max(0.0, busy - used - figures["cpu"]) / (figures["wall"] * (os.cpu_count() or 1)),
        )


async def _with(cluster: EmbeddedCluster, ask: Callable[[Api], Awaitable[dict[str, int]]]) -> dict[str, int]:
    async with Api(cluster.kubeconfig) as api:
        return await ask(api)


def measure(contender: Contender, plan: Plan, folder: Path, reporter: Reporter) -> Run:
    """One controller on a cluster of its own."""
    with fresh_cluster(folder, reporter, who=contender.name, pods=plan.pods) as cluster:
        return asyncio.run(_Measurement(contender, plan, cluster, reporter).run())


class _Measurement:
    def __init__(self, contender: Contender, plan: Plan, cluster: EmbeddedCluster, reporter: Reporter) -> None:
        self._contender = contender
        self._plan = plan
        self._cluster = cluster
        self._reporter = reporter
        # Its own user, so that every request of it is known, whatever it calls itself.
        user = f"bench-{contender.name}"
        self._kubeconfig = cluster.user_kubeconfig(user, groups=["system:masters"])
        self._audit = AuditLog(cluster.audit_log, user=user)
        self._names = workload.names(plan.applications)

    async def run(self) -> Run:
        async with Api(self._cluster.kubeconfig) as api:
            await self._contender.install(api)
            standing = await create_namespace(api)
            process = self._start()
            try:
                with self._step("starts", expected=10) as progress:
                    await self._contender.started(api)
                    await self._rest(process, since=time.monotonic(), cpu=0.0, progress=progress)
                start_cpu, start_rss = process.cpu(), process.rss()
                creation = await self._create(api, process, standing)
                idle = await self._idle(process)
                edits, editing = await self._edit(api, process)
                peak_rss = process.peak_rss()
            finally:
                process.stop()
            self._audit.take()
            process = self._start()
            try:
                with self._step("starts again", expected=10) as progress:
                    restart = await self._rest(process, since=time.monotonic(), cpu=0.0, progress=progress)
                restart_rss = process.peak_rss()
            finally:
                process.stop()
        return Run(
            name=self._contender.name,
            version=self._contender.version,
            start_cpu=start_cpu,
            start_rss=start_rss,
            creation=creation,
            idle=idle,
            edits=edits,
            editing=editing,
            peak_rss=peak_rss,
            restart=restart,
            restart_rss=restart_rss,
        )

    def _start(self) -> Process:
        return self._contender.start(self._kubeconfig, self._cluster.logs / f"{self._contender.name}.log")

    def _step(self, text: str, *, expected: float) -> AbstractContextManager[Progress]:
        return self._reporter.step(f"{self._contender.name}: {text}", expected=expected)

    async def _create(self, api: Api, process: Process, standing: dict[str, int]) -> Creation:
        self._audit.take()
        machine, used, began = Machine(self._cluster), process.cpu(), time.monotonic()
        with self._step(f"{self._plan.applications} applications", expected=40) as progress:
            creating = asyncio.create_task(self._post(api))
            await self._children_exist(api, process, standing, progress)
            children = time.monotonic() - began
            (cluster_cpu, busy), own_cpu = machine.since(), process.cpu() - used
            await creating
            await self._all_done(api, process, progress)
            done = time.monotonic() - began
            phase = await self._rest(process, since=began, cpu=used, progress=progress)
        made = await count_children(api)
        return Creation(
            children=children,
            done=done,
            phase=phase,
            rss=process.rss(),
            objects={kind: count - standing[kind] for kind, count in made.items()},
            spec_bytes=await self._spec_bytes(api),
            cluster_cpu=cluster_cpu,
            others=max(0.0, busy - cluster_cpu - own_cpu) / (children * (os.cpu_count() or 1)),
        )

    async def _post(self, api: Api) -> None:
        left = iter(self._names)

        async def worker() -> None:
            for name in left:
                await api.request("POST", self._contender.collection, self._contender.resource(name))

        await asyncio.gather(*(worker() for _ in range(CREATORS)))

    async def _children_exist(self, api: Api, process: Process, standing: dict[str, int], progress: Progress) -> None:
        for kind in reversed(workload.KINDS):  # Deployments first: whoever has made the last of them is nearly there
            wanted = standing[kind.name] + self._plan.applications
            while (count := await api.count(kind.path(workload.NAMESPACE))) < wanted:
                process.check()
                progress(f"{count - standing[kind.name]} of {self._plan.applications} {kind.plural}")
                await asyncio.sleep(POLL_SECONDS)

    async def _all_done(self, api: Api, process: Process, progress: Progress) -> None:
        while True:
            process.check()
            found = await api.items(self._contender.collection)
            count = sum(self._contender.done(resource) for resource in found)
            if count == self._plan.applications:
                return
            progress(f"{count} of {self._plan.applications} done")
            await asyncio.sleep(5 * POLL_SECONDS)

    async def _rest(self, process: Process, *, since: float, cpu: float, progress: Progress) -> Phase:
        """Wait until it neither computes nor asks for anything; what it took since then."""
        requests = self._audit.take()
        deadline = time.monotonic() + REST_TIMEOUT
        rest_at, used, windows = time.monotonic(), process.cpu(), 0
        while windows < REST_WINDOWS and time.monotonic() < deadline:
            progress(f"until it rests, {process.cpu() - cpu:.1f} s of CPU")
            await asyncio.sleep(1)
            more, now = self._audit.take(), process.cpu()
            requests += more
            if more.total or now - used > REST_CPU:
                rest_at, windows = time.monotonic(), 0
            else:
                windows += 1
            used = now
        return Phase(rest_at - since, used - cpu, requests)

    async def _idle(self, process: Process) -> Phase:
        self._audit.take()
        used = process.cpu()
        with self._step(f"idle for {self._plan.idle_seconds:.0f} s", expected=self._plan.idle_seconds):
            await asyncio.sleep(self._plan.idle_seconds)
        return Phase(self._plan.idle_seconds, process.cpu() - used, self._audit.take())

    async def _edit(self, api: Api, process: Process) -> tuple[tuple[float, ...], Phase]:
        """Change the image of one application after the other."""
        self._audit.take()
        used, began = process.cpu(), time.monotonic()
        chosen = random.Random(1).sample(self._names, min(self._plan.edits, len(self._names)))  # noqa: S311
        latencies = []
        with self._step(f"{len(chosen)} edits", expected=len(chosen)) as progress:
            async with DeploymentWatch(api) as watch:
                for number, name in enumerate(chosen):
                    image = f"{workload.IMAGE}:v2-{number}"
                    seen, sent = watch.image(name, image), time.monotonic()
                    path, edit = f"{self._contender.collection}/{name}", {"spec": {"image": image}}
                    await api.request("PATCH", path, edit, content_type=MERGE_PATCH)
                    latencies.append(await asyncio.wait_for(seen, 60) - sent)
                    await asyncio.sleep(EDIT_PAUSE)
            phase = await self._rest(process, since=began, cpu=used, progress=progress)
        return tuple(sorted(latencies)), phase

    async def _spec_bytes(self, api: Api) -> float:
        """Mean size of the specs of one application's children: both contenders have to make the same."""
        names, total = set(self._names), 0
        for kind in workload.KINDS:
            for obj in await api.items(kind.path(workload.NAMESPACE)):
                if obj["metadata"]["name"] in names:
                    total += len(orjson.dumps(obj.get("spec", {})))
        return total / self._plan.applications
