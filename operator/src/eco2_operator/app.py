"""The operator as a process, and the only module that knows kopf.

kopf logs in, discovers kinds, lists and watches; its handlers do one thing, tell the controller. Its own state keeping
(annotations, finalizers, retries) is not used: docs/adr/0002 has the measurements.
"""

import asyncio
import logging
import random
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import kopf

from eco2_operator import health, logs
from eco2_operator.cache import Cache
from eco2_operator.controller import WATCHED, Controller
from eco2_operator.errors import Unavailable
from eco2_operator.kinds import RESOURCES, Kind
from eco2_operator.kube import Client, Connection
from eco2_operator.naming import GROUP, SELECTOR, Key
from eco2_operator.reconcile import DomainReconciler
from eco2_operator.settings import Settings
from eco2_operator.workqueue import Backoff, WorkQueue

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 20.0
"""What runs when SIGTERM comes may finish; well below the pod's termination grace of 30 s."""


def run(settings: Settings) -> None:
    """Run the operator until SIGINT or SIGTERM."""
    logs.configure(level=settings.log_level, style=settings.log_format)
    asyncio.run(_operate(settings))


async def _operate(settings: Settings) -> None:
    cache = Cache()
    client = Client(_connect, timeout=settings.request_timeout_seconds)
    reconciler = DomainReconciler(
        client, cache, settings.cluster, clock=time.monotonic, now=_now, instance=socket.gethostname()
    )
    queue: WorkQueue[Key] = WorkQueue(
        reconciler,
        concurrency=settings.concurrency,
        backoff=Backoff(settings.backoff_seconds, settings.backoff_max_seconds),
        clock=time.monotonic,
        random=random.random,
    )
    controller = Controller(
        cache,
        queue,
        client,
        namespaces=settings.namespaces or ("",),
        resync_seconds=settings.resync_seconds,
        random=random.random,
    )
    runner = await health.serve(health.Health(queue, controller, health.watch_tasks), queue, settings.http_address)
    try:
        await _run_until_signalled(controller, queue, settings)
    finally:
        await runner.cleanup()
        await client.close()
        log.info("stopped")


async def _run_until_signalled(controller: Controller, queue: WorkQueue[Key], settings: Settings) -> None:
    """Watch and work until a signal, or until either ends by itself (then its error is raised).

    On a signal the work ends first, kopf last: it would take our tasks for hung ones and wait for them.
    """
    watching_began, stop_watching, signalled = asyncio.Event(), asyncio.Event(), asyncio.Event()
    working = asyncio.create_task(controller.run(), name="controller")
    watching = asyncio.create_task(
        kopf.operator(
            registry=_registry(controller),
            settings=_kopf_settings(namespaced=bool(settings.namespaces)),
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            standalone=True,
            ready_flag=watching_began,
            stop_flag=stop_watching,
        ),
        name="kopf",
    )
    began: asyncio.Task[Any] = asyncio.create_task(watching_began.wait(), name="kopf start")
    await asyncio.wait({began, working, watching}, return_when=asyncio.FIRST_COMPLETED)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):  # kopf has set its own handlers; ours replace them
        loop.add_signal_handler(number, signalled.set)
    end: asyncio.Task[Any] = asyncio.create_task(signalled.wait(), name="signal")
    try:
        done, _ = await asyncio.wait({working, watching, end}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await queue.stop(grace=STOP_GRACE_SECONDS)
        for task in (working, end, began):
            task.cancel()
        await asyncio.gather(working, end, began, return_exceptions=True)
        stop_watching.set()
        await asyncio.wait({watching}, timeout=STOP_GRACE_SECONDS)
    for task in done:
        if task is not end:
            task.result()


def _registry(controller: Controller) -> kopf.OperatorRegistry:
    """One index and one event handler for every kind.

    kopf holds all event handlers until every indexed kind has been listed once: that is the start barrier. The index
    stores what the first lists bring; from then on the event handler does.
    """
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return _login(**kwargs)

    for kind in WATCHED:
        _register(registry, controller, kind)
    return registry


def _register(registry: kopf.OperatorRegistry, controller: Controller, kind: Kind) -> None:
    def before_barrier(**_: Any) -> bool:
        return not controller.opened

    @kopf.index(
        kind.group,
        kind.version,
        kind.plural,
        id=f"list-{kind.plural}",
        registry=registry,
        when=before_barrier,
    )
    async def listed(body: kopf.Body, **_: Any) -> None:
        controller.list_once(dict(body))

    @kopf.on.event(kind.group, kind.version, kind.plural, id=f"watch-{kind.plural}", registry=registry)
    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        controller.observe(kind, event["type"], event["object"])


class _NoState(kopf.DiffBaseStorage):
    """kopf compares every object with the last one it handled; nothing here asks for that, so nothing is copied."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _CappedBackoff(Iterable[float]):
    """Delays between attempts of one request, for ever: list and watch outlive any outage of the API server."""

    def __iter__(self) -> Iterator[float]:
        for delay in (1, 2, 5, 10, 20):
            yield delay * _jitter()
        while True:
            yield 30 * _jitter()


def _jitter() -> float:
    return 0.75 + random.random() / 2  # noqa: S311 - spreads load, protects nothing


def _kopf_settings(*, namespaced: bool = False) -> kopf.OperatorSettings:
    """kopf's settings; why each differs from the default: docs/adr/0002.

    Args:
        namespaced: only named namespaces are watched: then definitions and namespaces, which are the cluster's, are
            not; a role in those namespaces is enough.
    """
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = namespaced
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _CappedBackoff()
    settings.networking.enforce_retry_after = True
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 300
    settings.watching.inactivity_timeout = 90
    settings.watching.reconnect_backoff = 1
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = 1
    settings.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.diffbase_storage = _NoState()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = 25
    for kind in WATCHED:
        if kind not in RESOURCES:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = SELECTOR
    return settings


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """In the cluster the ServiceAccount, elsewhere the kubeconfig."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


async def _connect() -> Connection:
    """The connection our client uses: the same login as kopf's watches."""
    info = await asyncio.to_thread(_login, settings=_kopf_settings(), logger=log)
    if info is None:
        raise Unavailable("no way to log in: neither a ServiceAccount nor a kubeconfig was found; set KUBECONFIG")
    return Connection(
        info.server,
        info.as_http_headers(),
        info.as_ssl_context() if info.server.startswith("https") else None,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
