"""A worker's process: Celery around the runner.

It is imported by `boot` alone, after green threads have replaced the standard library where they shall.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

import structlog
from billiard.process import active_children
from celery import Celery, bootsteps, concurrency, signals
from celery.exceptions import CPendingDeprecationWarning, Reject
from celery.worker.consumer import Consumer as CeleryConsumer
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from eco2_service.logs import configure_logs
from eco2_service.metrics import Metrics
from eco2_tasks.broker import dead_letter_queue, make_celery, task_name
from eco2_tasks.engine import create_engine
from eco2_tasks.heartbeat import Heartbeat, beats
from eco2_tasks.runner import DatabaseDown, TaskRunner
from eco2_tasks.service import task_log
from eco2_tasks.settings import TasksSettings
from eco2_tasks.worker import Worker

SILENCE_SECONDS: Final = 30.0
log = structlog.get_logger("eco2.tasks.worker")


class Consumer(CeleryConsumer):
    """Celery's, without what we have no use for.

    Delayed delivery would declare 28 queues for messages with an ETA; what has to wait waits in the log.
    """

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """A message in another format becomes a dead letter too; Celery would acknowledge it."""
        log.error("a message that cannot be read", error=type(exc).__name__)
        message.reject()

    Blueprint = type(
        "Blueprint",
        (CeleryConsumer.Blueprint,),
        {
            "default_steps": [
                step for step in CeleryConsumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
            ]
        },
    )


class Working:
    """What a process that does tasks has: connections, clients, the runner. Nothing of it survives a fork."""

    def __init__(self, worker: Worker, settings: TasksSettings) -> None:
        self._worker = worker
        self._settings = settings
        self._lock = threading.Lock()
        self._open: tuple[ExitStack, TaskRunner] | None = None
        self.metrics = Metrics(name=worker.name, version=version(f"eco2-{worker.name}"))

    def runner(self) -> TaskRunner:
        """The runner of this process, opened when it is first asked for."""
        with self._lock:
            if self._open is None:
                self._open = self._opened()
            return self._open[1]

    def _opened(self) -> tuple[ExitStack, TaskRunner]:
        worker, settings = self._worker, self._settings
        at_once = 1 if settings.celery_pool in {"prefork", "solo"} else settings.celery_concurrency
        with ExitStack() as stack:
            engine = create_engine(settings, name=f"{worker.name}-worker", pool_size=at_once)
            stack.callback(engine.dispose)
            handlers = stack.enter_context(worker.open_handlers(settings, self.metrics))
            runner = TaskRunner(
                engine,
                task_log(settings, worker.table),
                handlers,
                self.metrics.registry,
                pause=settings.task_pause_seconds,
            )
            return stack.pop_all(), runner

    def close(self, **_ignored: object) -> None:
        """Close what was opened."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is not None:
            opened[0].close()


def run(worker: Worker) -> int:
    """Work until SIGTERM. Returns the exit code: 0 when everything that ran then was finished."""
    settings = worker.settings()
    configure_logs(service=worker.name, level=settings.log_level)
    for chatty in ("celery.worker.strategy", "celery.app.trace"):  # the runner says it once
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It would be said at every reconnection that what runs goes on; it is meant to.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    working = Working(worker, settings)
    pool = settings.celery_pool
    app = make_celery(worker.name, worker.queue, settings)
    _add_task(app, worker, working)
    # A loop that does the tasks itself turns between them only.
    silence = SILENCE_SECONDS + (settings.task_lease_seconds if pool == "solo" else 0.0)
    heartbeat = Heartbeat(settings.worker_heartbeat_file, silence=silence, leave=_leave)
    app.steps["consumer"].update({beats(heartbeat), _dead_letters(worker.queue)})
    _connect_signals(working, heartbeat, settings)
    if pool != "prefork":  # whose children have it, and not their parent
        working.runner()
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, settings.listen_host, registry=_registry(pool, working))
    controller = app.Worker(
        hostname=f"{worker.name}@{os.uname().nodename}",
        pool_cls=concurrency.get_implementation(pool),
        concurrency=settings.celery_concurrency,
        consumer_cls=Consumer,
        quiet=True,
        without_gossip=True,
        without_heartbeat=True,  # an event, not AMQP's: for it, green threads would wait 0.1 s after each message
        without_mingle=True,
    )
    heartbeat.start()
    try:
        controller.start()
    finally:
        heartbeat.stop()
        working.close()
    return int(controller.exitcode or 0)


def _add_task(app: Celery, worker: Worker, working: Working) -> None:
    @app.task(name=task_name(worker.name), shared=False)
    def run_task(task_id: str) -> None:
        try:
            known = UUID(task_id)
        except (ValueError, TypeError, AttributeError):
            log.error("a message that is no task's id")
            raise Reject(requeue=False) from None
        try:
            working.runner().run(known)
        except DatabaseDown:
            raise Reject(requeue=True) from None


def _dead_letters(queue: str) -> type[bootsteps.StartStopStep]:
    """The step of Celery's consumer that sees to it that dead messages have a place: also in a new, empty broker."""

    class DeadLetters(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.connection:Connection",)

        def start(self, consumer: Any) -> None:
            with consumer.connection.channel() as channel:
                dead_letter_queue(queue)(channel).declare()

    return DeadLetters


def _connect_signals(working: Working, heartbeat: Heartbeat, settings: TasksSettings) -> None:
    def leave_logs_alone(**_ignored: object) -> None:
        pass

    def open_child(**_ignored: object) -> None:
        working.runner()

    def limit_drain(**_ignored: object) -> None:
        heartbeat.drain(settings.worker_drain_seconds)

    signals.setup_logging.connect(leave_logs_alone, weak=False)
    signals.worker_process_init.connect(open_child, weak=False)
    signals.worker_process_shutdown.connect(working.close, weak=False)
    signals.worker_shutting_down.connect(limit_drain, weak=False)


def _leave() -> None:
    """End at once. What still runs is begun again elsewhere, when its lease is over."""
    log.warning("tasks did not end in time; they are left")
    for child in active_children():
        if child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)
    os._exit(1)


def _registry(pool: str, working: Working) -> CollectorRegistry:
    if pool != "prefork":
        return working.metrics.registry
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
