"""Tasks of a service: the log, how they are sent, the reaper, and what is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Table

from eco2_service.database import Database
from eco2_service.loops import Loop
from eco2_service.metrics import Metrics
from eco2_tasks.broker import Publisher
from eco2_tasks.dispatch import CeleryDispatcher, Dispatcher, InlineDispatcher
from eco2_tasks.engine import create_engine
from eco2_tasks.log import TaskLog
from eco2_tasks.metrics import TaskCounts
from eco2_tasks.reaper import Reaper
from eco2_tasks.runner import TaskRunner
from eco2_tasks.settings import TasksSettings
from eco2_tasks.tasks import Handler, RunResult


@dataclass(frozen=True, slots=True)
class Tasks:
    """What endpoints work with.

    Accept a task in a transaction with the rows that belong to it, and dispatch it afterwards::

        async with database.begin() as connection:
            task_id = await connection.run_sync(tasks.log.accept, kind="classify", user_id=user, payload={...})
        await tasks.dispatch(task_id)
    """

    log: TaskLog
    dispatcher: Dispatcher
    here: InlineDispatcher

    async def dispatch(self, task_id: UUID) -> bool:
        """Have an accepted task done, by a worker or here. False: a little later."""
        return await self.dispatcher.dispatch(task_id)

    async def run_here(self, task_id: UUID) -> RunResult:
        """Do an accepted task in a thread of this process, whether there are workers or not, and wait for it.

        Raises Busy, and DatabaseDown: the task is done nevertheless, later.
        """
        return await self.here.run(task_id)


def task_log(settings: TasksSettings, table: Table) -> TaskLog:
    """The log as the settings have it."""
    return TaskLog(
        table,
        lease_seconds=settings.task_lease_seconds,
        attempts=settings.task_attempts,
        grace_seconds=settings.dispatch_seconds * 5,
        lost_seconds=settings.task_lost_seconds,
    )


@asynccontextmanager
async def open_tasks(
    settings: TasksSettings,
    *,
    name: str,
    queue: str,
    table: Table,
    database: Database,
    metrics: Metrics,
    handlers: Mapping[str, Handler],
) -> AsyncIterator[Tasks]:
    """Open all, and begin to reap; end it and close all at the end of the block, after the tasks that run here.

    Args:
        name: of the domain.
        queue: where its worker takes messages from.
        table: of `tables.tasks_table`.
        handlers: how tasks are done here: all of them when there is no broker.
    """
    log = task_log(settings, table)
    async with AsyncExitStack() as stack:
        engine = create_engine(settings, name=f"{name}-tasks", pool_size=settings.celery_concurrency)
        stack.callback(engine.dispose)
        runner = TaskRunner(engine, log, handlers, metrics.registry, pause=settings.task_pause_seconds)
        here = InlineDispatcher(runner, threads=settings.celery_concurrency)
        stack.push_async_callback(here.close)
        dispatcher: Dispatcher = here
        if settings.celery_broker_url is not None:
            publisher = Publisher(name, queue, settings)
            dispatcher = celery = CeleryDispatcher(publisher, log, database, seconds=settings.dispatch_seconds)
            stack.push_async_callback(celery.close)
        reaper = Reaper(database, log, dispatcher, metrics.registry, keep_days=settings.task_keep_days)
        counts = TaskCounts(database, log, metrics.registry)
        await stack.enter_async_context(Loop("reaper", reaper.run_once, interval=settings.reaper_seconds))
        await stack.enter_async_context(Loop("task counts", counts.run_once, interval=settings.reaper_seconds * 3))
        yield Tasks(log, dispatcher, here)
