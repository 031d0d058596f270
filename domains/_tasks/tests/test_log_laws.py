"""What holds whatever happens: workers that stop, wake up, and crash; messages that are lost, late, and come twice.

The statements of the log run on a real PostgreSQL; what may happen is chosen by Hypothesis.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine, insert, text
from support.example_tasks import effects, note, tasks

from eco2_tasks.log import Due, Lease, TaskLog
from eco2_tasks.tasks import TaskError

LEASE, GRACE, LOST, ATTEMPTS = 100.0, 10.0, 300.0, 3
FINISHED = {"done", "failed", "dead"}
ERROR = TaskError("busy")
TASKS = 3


class Life(RuleBasedStateMachine):
    """Tasks, the messages that are under way, and the workers that hold a lease, alive or not."""

    engine: Engine
    leases = Bundle("leases")
    messages = Bundle("messages")

    def __init__(self) -> None:
        super().__init__()
        self.log = TaskLog(tasks, lease_seconds=LEASE, attempts=ATTEMPTS, grace_seconds=GRACE, lost_seconds=LOST)
        self.now = 0.0
        self.accepted = 0
        self.held: dict[UUID, tuple[UUID, float]] = {}
        """By task: the newest token, and until when it keeps others out."""
        self.ended: dict[UUID, str] = {}
        self.do(lambda connection: connection.execute(text("TRUNCATE example.tasks, example.effects")))

    def do(self, work: Callable[[Connection], Any]) -> Any:
        with self.engine.begin() as connection:
            return work(connection)

    @rule(target=messages)
    @precondition(lambda self: self.accepted < TASKS)
    def accept(self) -> UUID:
        """A message is sent; whether it is confirmed, or arrives, is another matter."""
        self.accepted += 1
        return self.do(lambda connection: self.log.accept(connection, **note()))

    @rule(task_id=messages, attempts=st.integers(0, ATTEMPTS))
    def confirm(self, task_id: UUID, attempts: int) -> None:
        """The confirmation of some message of the task, however old, is written."""
        self.do(lambda connection: self.log.mark_dispatched(connection, task_id, attempts))

    @rule(target=leases, task_id=messages)
    def deliver(self, task_id: UUID) -> Any:
        """A message arrives, perhaps again."""
        lease = self.claim(task_id)
        return multiple() if lease is None else lease

    def claim(self, task_id: UUID) -> Lease | None:
        lease: Lease | None = self.do(lambda connection: self.log.claim(connection, task_id))
        _, until = self.held.get(task_id, (None, self.now))
        assert (lease is not None) == (task_id not in self.ended and self.now >= until)
        if lease is not None:
            self.held[task_id] = (lease.token, self.now + LEASE)
        return lease

    def end(self, lease: Lease, write: Callable[[Connection], bool], state: str) -> None:
        def commit(connection: Connection) -> bool:
            if not write(connection):
                return False
            if state in FINISHED:
                connection.execute(insert(effects).values(task_id=lease.task.id, what=state))
            return True

        task_id = lease.task.id
        is_newest = task_id not in self.ended and self.held[task_id][0] == lease.token
        assert self.do(commit) == is_newest
        if is_newest and state in FINISHED:
            self.ended[task_id] = state

    @rule(lease=leases)
    def finish(self, lease: Lease) -> None:
        """A worker has done it: at once, late, or a second time after a crash of its own."""
        self.end(lease, lambda connection: self.log.finish(connection, lease, {}), "done")

    @rule(lease=leases)
    def refuse(self, lease: Lease) -> None:
        self.end(lease, lambda connection: self.log.fail(connection, lease, "failed", ERROR), "failed")

    @rule(lease=leases, pause=st.sampled_from([0.0, 30.0, 200.0]))
    def give_back(self, lease: Lease, pause: float) -> None:
        task_id = lease.task.id
        was_newest = task_id not in self.ended and self.held[task_id][0] == lease.token
        self.end(lease, lambda connection: self.log.give_back(connection, lease, ERROR, pause), "accepted")
        if was_newest:
            self.held[task_id] = (UUID(int=0), self.now + pause)

    @rule(seconds=st.sampled_from([5.0, GRACE, LEASE, LOST]))
    def passes(self, seconds: float) -> None:
        moments = ("lease_until", "accepted_at", "dispatched_at", "due_at", "finished_at")
        earlier = ", ".join(f"{name} = {name} - make_interval(secs => {seconds})" for name in moments)
        self.do(lambda connection: connection.execute(text(f"UPDATE example.tasks SET {earlier}")))  # noqa: S608
        self.now += seconds

    @rule(target=messages, limit=st.integers(1, 3))
    def reap(self, limit: int) -> Any:
        """The reaper takes what is due, and sends the first; it may crash before the others."""
        due: list[Due] = self.do(lambda connection: self.log.take_due(connection, limit))
        assert not {task.task_id for task in due} & self.ended.keys()
        return due[0].task_id if due else multiple()

    @invariant()
    def what_is_finished_stays_so_and_happened_once(self) -> None:
        rows = self.do(lambda connection: connection.execute(text("SELECT id, state FROM example.tasks")).all())
        assert {task_id: state for task_id, state in rows if state in FINISHED} == self.ended
        happened = self.do(
            lambda connection: connection.execute(text("SELECT task_id, what FROM example.effects")).all()
        )
        assert sorted(happened) == sorted(self.ended.items())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Whatever is unfinished is the reaper's some day, without anybody's help."""
        forgotten = (
            "SELECT count(*) FROM example.tasks WHERE state IN ('accepted', 'dispatched')"
            " AND (due_at IS NULL OR due_at > now() + make_interval(secs => :most))"
        )
        most = max(LEASE, LOST, self.now) + 1.0
        assert self.do(lambda connection: connection.execute(text(forgotten), {"most": most}).scalar_one()) == 0

    def teardown(self) -> None:
        """With workers that do not crash any more, everything ends."""
        for _ in range(40):
            self.passes(max(LOST, self.now) + LEASE)
            for due in self.do(lambda connection: self.log.take_due(connection, 100)):
                lease = self.claim(due.task_id)
                assert lease is not None
                self.finish(lease)
            if not self.unfinished():
                break
        assert not self.unfinished()
        self.what_is_finished_stays_so_and_happened_once()

    def unfinished(self) -> int:
        unfinished = text("SELECT count(*) FROM example.tasks WHERE finished_at IS NULL")
        return int(self.do(lambda connection: connection.execute(unfinished).scalar_one()))


def test_no_task_is_lost_and_none_is_done_twice(engine: Engine) -> None:
    Life.engine = engine
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )
