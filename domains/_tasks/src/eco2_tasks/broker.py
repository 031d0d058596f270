"""RabbitMQ: the queues, and sending messages that are confirmed.

A message is the id of a task and nothing else; what has to be done is in the log. Losing one delays a task, and one too
many does nothing.
"""

from __future__ import annotations

from typing import Final, NoReturn
from uuid import UUID

from amqp.exceptions import AMQPError, MessageNacked
from celery import Celery
from kombu import Connection, Exchange, Producer, Queue
from kombu.exceptions import KombuError

from eco2_tasks.settings import TasksSettings

DELIVERIES: Final = 10
"""How often a message goes back into the queue before it is dead."""
DEAD_LETTERS: Final = 10_000
"""How many dead messages are kept, to be looked at; the tasks themselves are in the log."""
_ERRORS: Final = (AMQPError, KombuError, MessageNacked, OSError)


class BrokerDown(Exception):
    """The broker does not answer, or did not confirm."""


def task_name(name: str) -> str:
    """How Celery calls the one thing that a domain's worker does."""
    return f"eco2.{name}.run"


def work_queue(queue: str) -> Queue:
    """Where messages wait: on the disks of a majority of the brokers before they are confirmed.

    https://www.rabbitmq.com/docs/3.13/quorum-queues. Its arguments must be the same wherever it is declared.
    """
    return Queue(
        queue,
        Exchange(queue, type="direct", durable=True),
        routing_key=queue,
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERIES,
            "x-dead-letter-exchange": _dead(queue),
        },
    )


def dead_letter_queue(queue: str) -> Queue:
    """Where messages go that are none of ours, or came back too often."""
    return Queue(
        _dead(queue),
        Exchange(_dead(queue), type="fanout", durable=True),
        durable=True,
        queue_arguments={"x-queue-type": "quorum", "x-max-length": DEAD_LETTERS},
    )


def _dead(queue: str) -> str:
    return f"{queue}.dead"


def make_celery(name: str, queue: str, settings: TasksSettings) -> Celery:
    """Celery for a domain, as those who send and the worker have it.

    Raises ValueError without a broker.
    """
    if settings.celery_broker_url is None:
        raise ValueError("there is no broker")
    app = Celery(name, set_as_current=False, broker=settings.celery_broker_url.get_secret_value())
    app.conf.update(
        # No results: they are in the log. No pickle, in neither direction.
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_queues=[work_queue(queue)],
        task_default_queue=queue,
        task_create_missing_queues=False,
        # Acknowledged when it is done; a child that is killed sends its message back.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # When the lease ends, so does the child.
        task_time_limit=settings.task_lease_seconds,
        # Reconnects for ever. What runs meanwhile goes on: the message comes again, and finds the task taken or done.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=settings.dispatch_seconds,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options={"confirm_publish": True},
        # Nobody listens to events or sends commands; each would be a queue more.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


class Publisher:
    """Sends messages. For one thread; it connects when it has to.

    Args:
        name, queue: of the domain and of its worker's queue.
    """

    def __init__(self, name: str, queue: str, settings: TasksSettings) -> None:
        self._app = make_celery(name, queue, settings)
        self._task = task_name(name)
        self._queue = queue
        self._seconds = settings.dispatch_seconds
        self._connection: Connection | None = None

    def send(self, task_id: UUID) -> None:
        """Send a message; the broker has it on its disk when this returns.

        Raises BrokerDown when it is not known to have it.
        """
        is_fresh = self._connection is None
        try:
            self._send(task_id)
        except _ERRORS as error:
            self.close()
            if is_fresh:
                _give_up(error)
        else:
            return
        try:  # the broker may have closed a connection that rested, and be well
            self._send(task_id)
        except _ERRORS as error:
            self.close()
            _give_up(error)

    def _send(self, task_id: UUID) -> None:
        if self._connection is None:
            self._connection = self._app.connection_for_write(connect_timeout=self._seconds)
            self._producer = Producer(self._connection.connect().channel())
        self._app.send_task(
            self._task,
            args=(str(task_id),),
            queue=self._queue,
            producer=self._producer,
            retry=False,
            ignore_result=True,
            mandatory=True,  # a queue that is not there is an error; its message would be confirmed and dropped
            confirm_timeout=self._seconds,
        )

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect(socket_timeout=self._seconds)


def _give_up(error: Exception) -> NoReturn:
    # Not the words: they may have the address, with a password.
    raise BrokerDown(type(error).__name__) from error
