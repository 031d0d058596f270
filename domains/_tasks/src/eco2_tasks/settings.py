"""What a domain with tasks reads from its environment, beside what all services read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from eco2_service.settings import ServiceSettings
from eco2_tasks.health import DEFAULT_FILE

Pool = Literal["prefork", "eventlet", "gevent", "threads", "solo"]
_Seconds = Annotated[float, Field(gt=0, le=86400)]


class TasksSettings(ServiceSettings):
    """The environment of a domain with tasks, of its service and of its worker.

    Args:
        celery_broker_url: ``amqp://user:password@host:5672/vhost`` or ``amqps://``. Without one there are no workers:
            the service does the tasks itself.
        celery_pool: how a worker runs several tasks at once.
        celery_concurrency: how many tasks a worker, or the service without a broker, runs at once.
        task_lease_seconds: how long a task is its worker's. It has to be longer than any task may take: a prefork
            worker ends a child that takes longer, and a task whose worker was killed is taken up again after it.
        task_attempts: how often a task is begun before it is dead; twelve pauses outlast twenty minutes of an outage.
        task_pause_seconds: before the second attempt; it doubles up to five minutes.
        task_keep_days: how long a task that is finished stays in the log.
        reaper_seconds: how often the service looks for tasks that nobody works on.
        dispatch_seconds: how long the broker may take to confirm a message. A task that is not dispatched five times
            as long after it was accepted is the reaper's.
        task_lost_seconds: how long a message may wait for a worker until it counts as lost and another one is sent.
        worker_drain_seconds: how long tasks that run at SIGTERM may take.
        worker_heartbeat_file: touched by a worker that lives; ``python -m eco2_tasks.health`` looks at its age.
    """

    celery_broker_url: SecretStr | None = None
    celery_pool: Pool = "prefork"
    celery_concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    task_lease_seconds: _Seconds = 120.0
    task_attempts: Annotated[int, Field(ge=1, le=100)] = 12
    task_pause_seconds: _Seconds = 2.0
    task_keep_days: Annotated[float, Field(gt=0, le=36500)] = 90.0
    reaper_seconds: _Seconds = 5.0
    dispatch_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    task_lost_seconds: _Seconds = 300.0
    worker_drain_seconds: _Seconds = 60.0
    worker_heartbeat_file: Path = DEFAULT_FILE

    @field_validator("celery_broker_url")
    @classmethod
    def _is_rabbitmq(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {"amqp", "amqps"}:
            raise ValueError("must be amqp://user:password@host:5672/vhost or amqps://")
        return value
