"""Liveness, readiness and metrics over HTTP.

Alive means: the queue moves and every watch that ever ran still runs and tells what it should. A process that is not
alive is restarted; one that can neither work nor die is the worst of all.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from aiohttp import web

from eco2_operator import metrics
from eco2_operator.controller import Controller
from eco2_operator.naming import Key
from eco2_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

STUCK_SECONDS = 120.0
"""A resource that has been due this long without being taken up: the queue is dead. A reconcile takes under 30 s per
request, and all workers would have to hang at once."""
MISSED_SWEEPS = 2
"""Resyncs in a row in which a watch had missed something: it is dead, whatever its task says."""


class Health:
    """What is wrong with this process, if anything.

    Args:
        watchers: names of the watch tasks that run now.
    """

    def __init__(self, queue: WorkQueue[Key], controller: Controller, watchers: Callable[[], Iterable[str]]) -> None:
        self._queue = queue
        self._controller = controller
        self._watchers = watchers
        self._seen: set[str] = set()

    def faults(self) -> list[str]:
        """Every reason to restart the process; empty when it is alive."""
        found = []
        if self._queue.oldest > STUCK_SECONDS:
            found.append(f"the queue has not moved for {self._queue.oldest:.0f} s")
        found += [
            f"the watch of {kind} missed objects in {sweeps} resyncs in a row"
            for kind, sweeps in self._controller.missed.items()
            if sweeps >= MISSED_SWEEPS
        ]
        running = set(self._watchers())
        found += [f"{name} has ended" for name in sorted(self._seen - running)]
        self._seen |= running
        return found

    @property
    def ready(self) -> bool:
        """Whether the operator knows the cluster and watches it; whoever stands by is ready too."""
        return self._controller.informed and any(True for _ in self._watchers())


async def serve(health: Health, queue: WorkQueue[Key], address: str) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics; the caller cleans the runner up.

    Args:
        address: ``host:port``; port 0 takes a free one, which is logged.
    """

    async def healthz(_: web.Request) -> web.Response:
        faults = health.faults()
        return web.Response(status=503 if faults else 200, text="\n".join(faults) or "ok")

    async def readyz(_: web.Request) -> web.Response:
        ready = health.ready and not health.faults()
        return web.Response(status=200 if ready else 503, text="ok" if ready else "starting")

    async def prometheus(_: web.Request) -> web.Response:
        metrics.QUEUE_DEPTH.set(queue.depth)
        metrics.QUEUE_AGE.set(queue.oldest)
        return web.Response(body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", prometheus)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    log.info("serving health and metrics", extra={"address": _written(*runner.addresses[0][:2])})
    return runner


def _written(host: str, port: int) -> str:
    """An address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def watch_tasks(prefix: str = "watcher for ") -> list[str]:
    """Names of the watch tasks that are running: ours, and kopf's."""
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(prefix) and not task.done()]
