"""The operator as a process: what it is made of, how it starts, who acts, how it ends."""

import asyncio
import asyncio.sslproto
import logging
import random
import signal
import socket
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eco2_operator import digests, hash_key, health, kopf_watch, logs
from eco2_operator.build.entrance.names import GATEWAY_KEY_KIND
from eco2_operator.cache import Cache
from eco2_operator.controller import MADE, Controller
from eco2_operator.entrances import Entrances
from eco2_operator.errors import ChildError, SettingsError
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, ECO_SECRET_BINDING, OBSERVED, SURROUNDINGS
from eco2_operator.kopf_watch import connect
from eco2_operator.kube import Client
from eco2_operator.lease import Elector, Timing
from eco2_operator.naming import SELECTOR, Key
from eco2_operator.parameters.ssm import Ssm
from eco2_operator.reconcile.domain import DomainReconciler
from eco2_operator.reconcile.entrance import EntranceReconciler
from eco2_operator.reconcile.gateway import GatewayReconciler
from eco2_operator.reconcile.reconciler import Reconciler
from eco2_operator.reconcile.secret import Prefixes, SecretReconciler
from eco2_operator.reconcile.settling import Settling
from eco2_operator.settings import Settings
from eco2_operator.slim import Digest
from eco2_operator.watch import Watcher
from eco2_operator.workqueue import Backoff, Retry, WorkQueue

log = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 20.0
"""What runs when SIGTERM comes may finish; well below the pod's termination grace of 30 s."""
START_BACKOFF = Backoff(base=0.5, cap=10)
"""Gaps between attempts to reach the API server at the start."""
TLS_BUFFER_BYTES = 32 * 1024
"""Room for what one read of a TLS connection brings: two records. asyncio takes 256 KiB for each of our twenty."""
SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
WATCHED_BY_US = (
    (ECO_INGRESS, ""),
    (ECO_SECRET_BINDING, ""),
    *((kind, "") for kind in SURROUNDINGS),
    *((kind, SELECTOR) for kind in (*MADE, *OBSERVED)),
)
"""What `watch` looks after, with its label selector; EcoDomains are kopf's."""


def run(settings: Settings) -> None:
    """Run the operator until SIGINT or SIGTERM.

    Raises:
        SettingsError: at once, when there is no way to log in. An API server that does not answer is waited for.
    """
    logs.configure(level=settings.log_level, style=settings.log_format)
    asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES
    asyncio.run(connect())
    asyncio.run(_operate(settings))


async def _operate(settings: Settings) -> None:
    leases = Client(connect, timeout=settings.lease_deadline_seconds / 2, connections=1)
    digest = _digest(await _hash_key(leases, settings))
    cache = Cache(digest)
    instance = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    elector = _elector(leases, settings, instance)
    may_write = (lambda: elector.held) if elector is not None else (lambda: True)
    client = Client(connect, timeout=settings.request_timeout_seconds, may_write=may_write)
    domains = DomainReconciler(
        client,
        cache,
        settings.cluster,
        clock=time.monotonic,
        now=_now,
        instance=instance,
        digest=digest,
        rotation_window=settings.rotation_window_seconds,
    )
    secrets = SecretReconciler(
        client,
        cache,
        Ssm(region=settings.aws_region),
        Prefixes(settings.ssm_prefixes, settings.environment),
        wake=lambda key: queue.add(key),
        clock=time.monotonic,
        now=_now,
        instance=instance,
    )
    entrances = Entrances(cache, settings.host_claims)
    policies, routes = Settling(time.monotonic), Settling(time.monotonic)
    gateways = GatewayReconciler(
        client, cache, entrances, settings.cluster, policies, wake=lambda key: queue.add(key), clock=time.monotonic
    )
    ingresses = EntranceReconciler(
        client,
        cache,
        entrances,
        gateways,
        settings.cluster,
        policies,
        routes,
        wake=lambda key: queue.add(key),
        clock=time.monotonic,
        now=_now,
        instance=instance,
    )
    reconcilers: dict[str, Reconciler] = {
        ECO_DOMAIN.name: domains,
        ECO_INGRESS.name: ingresses,
        ECO_SECRET_BINDING.name: secrets,
        GATEWAY_KEY_KIND: gateways,
    }

    async def reconcile(key: Key) -> Retry | None:
        reconciler = reconcilers.get(key.kind)  # an annotation may name anything
        return await reconciler(key) if reconciler is not None else None

    queue: WorkQueue[Key] = WorkQueue(
        reconcile,
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
        look_again=lambda definition: _look_again(watchers, definition),
    )
    watchers = _watchers(client, controller, settings)
    runner = await health.serve(health.Health(queue, controller, health.watch_tasks), queue, settings.http_address)
    try:
        await _run_until_signalled(controller, watchers, queue, client, settings, elector)
    finally:
        await runner.cleanup()
        await secrets.close()
        await leases.close()
        await client.close()
        log.info("stopped")


async def _hash_key(client: Client, settings: Settings) -> bytes:
    """The key the settings hold, or the one in the Secret they name; the API server is waited for."""
    if not settings.hash_key_secret:
        return settings.hash_key.get_secret_value().encode()
    namespace = settings.lease_namespace or _own_namespace()
    if not namespace:
        raise SettingsError("ECO2_HASH_KEY_SECRET: outside of a cluster set ECO2_LEASE_NAMESPACE, where the Secret is")
    failures = 0
    while True:
        try:
            return await hash_key.read_or_create(client, namespace, settings.hash_key_secret)
        except ChildError as error:
            failures += 1
            await _wait_for_server("waiting for the hash key", failures, error)


async def _wait_for_server(what: str, failures: int, error: ChildError) -> None:
    log.warning(what, extra={"reason": error.reason, "error": str(error)})
    delay = START_BACKOFF.delay(failures, random.random())  # noqa: S311 - spreads load only
    await asyncio.sleep(max(delay, error.retry_after or 0.0))


def _digest(key: bytes) -> Digest:
    return lambda name, value: digests.digest(value, key=key, name=name)


def _watchers(client: Client, controller: Controller, settings: Settings) -> list[Watcher]:
    everywhere = ("",)
    return [
        Watcher(client, controller, kind, namespace=namespace, selector=selector, random=random.random)
        for kind, selector in WATCHED_BY_US
        for namespace in (everywhere if kind in SURROUNDINGS else settings.namespaces or everywhere)
    ]


def _look_again(watchers: Iterable[Watcher], definition: str) -> None:
    """A definition has changed: who waits for its kind looks for it."""
    for watcher in watchers:
        if f"{watcher.kind.plural}.{watcher.kind.group}" == definition:
            watcher.look_again()


async def _run_until_signalled(
    controller: Controller,
    watchers: list[Watcher],
    queue: WorkQueue[Key],
    client: Client,
    settings: Settings,
    elector: Elector | None = None,
) -> None:
    """List, watch and work until a signal, or until one of the tasks ends by itself (then its error is raised)."""
    signalled, stop_kopf = asyncio.Event(), asyncio.Event()
    _on_signal(signalled)
    end: asyncio.Task[Any] = asyncio.create_task(signalled.wait(), name="signal")
    ours = [asyncio.create_task(watcher.run(), name=watcher.name) for watcher in watchers]
    kopfs: list[asyncio.Task[None]] = []
    try:
        listing = asyncio.create_task(_list_everything(controller, client, watchers, settings), name="first lists")
        ours.append(listing)
        done = await _first({*ours, end})
        if done == {listing}:
            listing.result()
            controller.informed = True
            ours[-1] = asyncio.create_task(_lead(controller, elector), name="controller")
            kopfs.append(asyncio.create_task(_watch_domains(controller, settings, signalled, stop_kopf), name="kopf"))
            done = await _first({*ours, *kopfs, end})
    finally:  # the work ends first, kopf last: it would take our tasks for hung ones and wait for them
        await queue.stop(grace=STOP_GRACE_SECONDS)
        if elector is not None:
            await elector.release()
        for task in (*ours, end):
            task.cancel()
        await asyncio.gather(*ours, end, return_exceptions=True)
        stop_kopf.set()
        await asyncio.gather(*kopfs, return_exceptions=True)
    for task in done - {end}:
        task.result()


async def _lead(controller: Controller, elector: Elector | None) -> None:
    """Work while the Lease is ours; it ends with `LeaseLost` when it is not any more."""
    if elector is None:
        await controller.run()
        return
    await elector.acquire()
    working = asyncio.create_task(controller.run(), name="work")
    holding = asyncio.create_task(elector.hold(), name="lease")
    try:
        done = await _first({working, holding})
    finally:
        working.cancel()
        holding.cancel()
        await asyncio.gather(working, holding, return_exceptions=True)
    for task in done:
        task.result()


def _elector(client: Client, settings: Settings, identity: str) -> Elector | None:
    """The election, where there is a namespace for its Lease."""
    namespace = settings.lease_namespace or _own_namespace()
    if not namespace or not settings.lease_name:
        log.info("no Lease: this process must be the only operator")
        return None
    return Elector(
        client,
        namespace=namespace,
        name=settings.lease_name,
        identity=identity,
        timing=Timing(settings.lease_duration_seconds, settings.lease_deadline_seconds, settings.lease_retry_seconds),
        clock=time.monotonic,
        now=_now_exactly,
    )


def _own_namespace() -> str:
    """The namespace of the pod we run in; empty outside of a cluster."""
    return SERVICE_ACCOUNT_NAMESPACE.read_text().strip() if SERVICE_ACCOUNT_NAMESPACE.exists() else ""


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
            await _wait_for_server("waiting to list EcoDomains", failures, error)
        else:
            return


async def _watch_domains(
    controller: Controller, settings: Settings, signalled: asyncio.Event, stop: asyncio.Event
) -> None:
    """Run kopf. EcoDomains are served by now: kopf looks for kinds once, at its start."""
    began = asyncio.Event()
    running = asyncio.create_task(
        kopf_watch.run(controller, settings.namespaces, began=began, stop=stop), name="kopf operator"
    )
    ready: asyncio.Task[Any] = asyncio.create_task(began.wait(), name="kopf start")
    await _first({running, ready})
    ready.cancel()
    _on_signal(signalled)  # kopf has set its own handlers; ours replace them
    await running


def _now_exactly() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
