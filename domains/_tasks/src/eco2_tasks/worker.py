"""The command ``worker`` of a domain's program."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from sqlalchemy import Table

from eco2_service.cli import load_settings
from eco2_service.metrics import Metrics
from eco2_tasks.settings import TasksSettings
from eco2_tasks.tasks import Handler

OpenHandlers = Callable[[Any, Metrics], AbstractContextManager[Mapping[str, Handler]]]
"""Opens what the work needs, for one process, and gives the handlers by kind. Takes the domain's settings."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker of a domain is made of.

    Args:
        name: of the domain, such as ``scan``; its distribution is ``eco2-<name>``.
        queue: where its messages are, such as ``ai``.
        settings: read from the environment.
        table: of `tables.tasks_table`.
        open_handlers: called once in each process that does tasks. What it counts, by ``metrics.registry``, is
            counters and histograms: processes of a prefork pool add theirs up.
    """

    name: str
    queue: str
    settings: type[TasksSettings]
    table: Table
    open_handlers: OpenHandlers


def worker_cli(group: click.Group, reference: str) -> None:
    """Add the command ``worker`` to a domain's program.

    Args:
        reference: where the domain's `Worker` is, such as ``eco2_scan.worker:WORKER``. A name, because pools of green
            threads have to replace the standard library before anything of the domain is imported.
    """

    @group.command("worker")
    def run() -> None:
        """Do tasks until SIGTERM; CELERY_POOL says how."""
        chosen = load_settings(load_worker(reference).settings)
        if chosen.celery_broker_url is None:
            click.echo("CELERY_BROKER_URL is not set: without a broker the service does the tasks itself", err=True)
            sys.exit(2)
        sys.stdout.flush()
        # A fresh interpreter in the same process: this one has imported what must not be imported yet.
        environ = os.environ | {"CELERY_POOL": chosen.celery_pool}
        os.execve(sys.executable, [sys.executable, "-m", "eco2_tasks.boot", reference], environ)  # noqa: S606


def load_worker(reference: str) -> Worker:
    """The worker that a reference ``module:NAME`` names."""
    module, _, name = reference.partition(":")
    worker = getattr(import_module(module), name)
    if not isinstance(worker, Worker):
        raise TypeError(f"{reference} is no Worker")
    return worker
