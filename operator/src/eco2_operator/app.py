"""The operator as a process, and the only module that knows kopf.

kopf logs in and watches EcoDomains; its one handler tells the controller. Everything else is listed and watched by
`watch`: docs/adr/0002 and 0007 have the measurements.
"""

import asyncio
import asyncio.sslproto
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
from eco2_operator.controller import Controller
from eco2_operator.errors import ChildError, SettingsError
from eco2_operator.kinds import CHILDREN, ECO_DOMAIN, ECO_INGRESS, OBSERVED
from eco2_operator.kube import Client, Connection
from eco2_operator.naming import GROUP, SELECTOR, Key
from eco2_operator.reconcile import DomainReconciler
from eco2_operator.settings import Settings
from eco2_operator.watch import Watcher
from eco2_operator.workqueue import Backoff, WorkQueue

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 20.0
"""What runs when SIGTERM comes may finish; well below the pod's termination grace of 30 s."""
START_BACKOFF = Backoff(base=0.5, cap=10)
"""Gaps between attempts to reach the API server at the start."""
TLS_BUFFER_BYTES = 32 * 1024
"""Room for what one read of a TLS connection brings: two records. asyncio takes 256 KiB for each of our twenty."""
WATCHED_BY_US = ((ECO_INGRESS, ""), *((kind, SELECTOR) for kind in (*CHILDREN, *OBSERVED)))
"""What `watch` looks after, with its label selector; EcoDomains are kopf's."""


def run(settings: Settings) -> None:
    """Run the operator until SIGINT or SIGTERM.

    Raises:
        SettingsError: at once, when there is no way to log in. An API server that does not answer is waited for.
    """
    logs.configure(level=settings.log_level, style=settings.log_format)
    asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES
    asyncio.run(_connect())
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
        await _run_until_signalled(controller, queue, client, settings)
    finally:
        await runner.cleanup()
        await client.close()
        log.info("stopped")


async def _run_until_signalled(
    controller: Controller, queue: WorkQueue[Key], client: Client, settings: Settings
) -> None:
    """List, watch and work until a signal, or until one of the tasks ends by itself (then its error is raised)."""
    signalled, stop_kopf = asyncio.Event(), asyncio.Event()
    _on_signal(signalled)
    watchers = [
        Watcher(client, controller, kind, namespace=namespace, selector=selector, random=random.random)
        for kind, selector in WATCHED_BY_US
        for namespace in settings.namespaces or ("",)
    ]
    end: asyncio.Task[Any] = asyncio.create_task(signalled.wait(), name="signal")
    ours = [asyncio.create_task(watcher.run(), name=watcher.name) for watcher in watchers]
    kopfs: list[asyncio.Task[None]] = []
    try:
        listing = asyncio.create_task(_list_everything(controller, client, watchers, settings), name="first lists")
        ours.append(listing)
        done = await _first({*ours, end})
        if done == {listing}:
            listing.result()
            ours[-1] = asyncio.create_task(controller.run(), name="controller")
            kopfs.append(asyncio.create_task(_watch_domains(controller, settings, signalled, stop_kopf), name="kopf"))
            done = await _first({*ours, *kopfs, end})
    finally:  # the work ends first, kopf last: it would take our tasks for hung ones and wait for them
        await queue.stop(grace=STOP_GRACE_SECONDS)
        for task in (*ours, end):
            task.cancel()
        await asyncio.gather(*ours, end, return_exceptions=True)
        stop_kopf.set()
        await asyncio.gather(*kopfs, return_exceptions=True)
    for task in done - {end}:
        task.result()


async def _first(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done


def _on_signal(signalled: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled.set)


async def _list_everything(
    controller: Controller, client: Client, watchers: Iterable[Watcher], settings: Settings
) -> None:
    """The start barrier: nothing is reconciled before everything that exists is known."""
    await _list_domains(controller, client, settings)
    for watcher in watchers:
        await watcher.listed()


async def _list_domains(controller: Controller, client: Client, settings: Settings) -> None:
    """Tell the controller every EcoDomain there is; wait for the API server, and for the definition, if need be."""
    failures = 0
    while True:
        try:
            for namespace in settings.namespaces or ("",):
                async for page in client.pages(ECO_DOMAIN, namespace, ""):
                    for obj in page.items:
                        controller.first(obj)
        except ChildError as error:
            failures += 1
            log.warning("waiting to list EcoDomains", extra={"reason": error.reason, "error": str(error)})
            delay = START_BACKOFF.delay(failures, random.random())  # noqa: S311 - spreads load only
            await asyncio.sleep(max(delay, error.retry_after or 0.0))
        else:
            return


async def _watch_domains(
    controller: Controller, settings: Settings, signalled: asyncio.Event, stop: asyncio.Event
) -> None:
    """Run kopf. EcoDomains are served by now: kopf looks for kinds once, at its start."""
    began = asyncio.Event()
    running = asyncio.create_task(
        kopf.operator(
            registry=_registry(controller),
            settings=_kopf_settings(),
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            standalone=True,
            ready_flag=began,
            stop_flag=stop,
        ),
        name="kopf operator",
    )
    ready: asyncio.Task[Any] = asyncio.create_task(began.wait(), name="kopf start")
    await _first({running, ready})
    ready.cancel()
    _on_signal(signalled)  # kopf has set its own handlers; ours replace them
    await running


def _registry(controller: Controller) -> kopf.OperatorRegistry:
    """kopf's part: it logs in and watches EcoDomains, and tells the controller."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return _login(**kwargs)

    @kopf.on.event(ECO_DOMAIN.group, ECO_DOMAIN.version, ECO_DOMAIN.plural, registry=registry)
    async def observed(event: kopf.RawEvent, **_: Any) -> None:
        controller.observe(ECO_DOMAIN, event["type"], event["object"])

    return registry


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


def _kopf_settings() -> kopf.OperatorSettings:
    """kopf's settings; why each differs from the default: docs/adr/0002."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _CappedBackoff()
    settings.networking.enforce_retry_after = True
    settings.watching.server_timeout = 290
    settings.watching.client_timeout = 300
    settings.watching.inactivity_timeout = 90
    settings.watching.reconnect_backoff = 1
    settings.watching.chunk_size = 50
    settings.queueing.idle_timeout = 1
    settings.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.diffbase_storage = _NoState()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = 25
    return settings


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """In the cluster the ServiceAccount, elsewhere the kubeconfig."""
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


async def _connect() -> Connection:
    """The connection our client uses: the same login as kopf's watches."""
    try:
        info = _login(settings=_kopf_settings(), logger=log)
    except Exception as error:  # whatever is wrong with the file
        raise SettingsError(f"cannot log in: {error}; set KUBECONFIG to a file with a context that works") from error
    if info is None:
        raise SettingsError("no way to log in: neither a ServiceAccount nor a kubeconfig was found; set KUBECONFIG")
    return Connection(
        info.server,
        info.as_http_headers(),
        info.as_ssl_context() if info.server.startswith("https") else None,
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
