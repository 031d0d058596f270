"""The statements of the log, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine
from support.example_tasks import note
from support.waits import eventually

from eco2_tasks.log import Due, Lease, TaskLog
from eco2_tasks.tasks import TaskError

ERROR = TaskError("busy", "try again")


def claimed(sql: Any, log: TaskLog, task_id: UUID) -> Lease:
    """Begin a task that can be begun."""
    lease = sql.do(lambda connection: log.claim(connection, task_id))
    assert isinstance(lease, Lease)
    return lease


def test_a_task_is_accepted_once(sql: Any, log: TaskLog) -> None:
    task_id = uuid4()
    for text in ("first", "second"):
        assert sql.do(lambda connection, text=text: log.accept(connection, **note(task_id, text=text))) == task_id
    row = sql.row(task_id)
    assert row["payload"] == {"do": "note", "text": "first"}
    assert (row["state"], row["attempts"], row["lease_token"]) == ("accepted", 0, None)


def test_what_is_not_committed_was_not_accepted(engine: Engine, sql: Any, log: TaskLog) -> None:
    with engine.connect() as connection:
        task_id = log.accept(connection, **note())
        connection.rollback()
    assert sql.do(lambda connection: log.claim(connection, task_id)) is None


@pytest.mark.parametrize("dispatched", [False, True])
def test_only_one_begins_a_task(sql: Any, log: TaskLog, dispatched: bool) -> None:
    [task_id] = sql.accept({"text": "x"})
    if dispatched:
        assert sql.do(lambda connection: log.mark_dispatched(connection, task_id))
    lease = claimed(sql, log, task_id)
    assert (lease.task.id, lease.task.attempt, lease.task.payload["text"]) == (task_id, 1, "x")
    assert sql.do(lambda connection: log.claim(connection, task_id)) is None
    assert sql.states(task_id) == ["dispatched"]


def test_two_that_begin_at_once_are_kept_apart(engine: Engine, sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    with engine.connect() as one, engine.connect() as other:
        assert log.claim(one, task_id)
        pid = other.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        other.exec_driver_sql("SET lock_timeout = '10s'")
        with ThreadPoolExecutor(max_workers=1) as thread:
            second = thread.submit(log.claim, other, task_id)
            waiting = "SELECT 1 FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'"
            eventually(lambda: sql(waiting, pid=pid))
            one.commit()
            assert second.result() is None


@pytest.mark.parametrize("state", ["done", "failed", "dead"])
def test_what_is_finished_is_not_begun_again(sql: Any, log: TaskLog, state: str) -> None:
    [task_id] = sql.accept({})
    lease = claimed(sql, log, task_id)
    sql.do(lambda connection: end(log, connection, lease, state))
    sql.passes(1e6)
    assert sql.states(task_id) == [state]
    assert sql.do(lambda connection: log.claim(connection, task_id)) is None
    assert sql.do(lambda connection: log.take_due(connection, 10)) == []


def end(log: TaskLog, connection: Connection, lease: Lease, state: str) -> bool:
    if state == "done":
        return log.finish(connection, lease, {"n": 1})
    return log.fail(connection, lease, "failed" if state == "failed" else "dead", ERROR)


def test_a_paused_worker_does_not_write_over_the_next_ones_result(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    paused = claimed(sql, log, task_id)
    sql.passes(log.lease_seconds)
    following = claimed(sql, log, task_id)
    assert following.task.attempt == 2
    assert not sql.do(lambda connection: log.finish(connection, paused, {"by": "paused"}))
    assert not sql.do(lambda connection: log.give_back(connection, paused, ERROR, 1))
    assert not sql.do(lambda connection: log.fail(connection, paused, "failed", ERROR))
    assert sql.do(lambda connection: log.finish(connection, following, {"by": "following"}))
    assert not sql.do(lambda connection: log.finish(connection, paused, {"by": "paused"}))
    assert not sql.do(lambda connection: log.was_ended_by(connection, paused))
    assert sql.do(lambda connection: log.was_ended_by(connection, following))
    assert sql.row(task_id)["result"] == {"by": "following"}


def test_a_lease_that_is_over_counts_while_nobody_else_has_begun(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    late = claimed(sql, log, task_id)
    sql.passes(log.lease_seconds * 2)
    assert sql.do(lambda connection: log.take_due(connection, 10)) == [Due(task_id, 1)]
    assert sql.do(lambda connection: log.finish(connection, late, {}))
    assert sql.states(task_id) == ["done"]


def test_what_was_given_back_rests(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    lease = claimed(sql, log, task_id)
    assert sql.do(lambda connection: log.give_back(connection, lease, ERROR, 60.0))
    row = sql.row(task_id)
    assert (row["state"], row["error"]) == ("accepted", {"reason": "busy", "detail": "try again"})
    # A message that comes twice does not end the rest, and neither does the reaper.
    assert sql.do(lambda connection: log.claim(connection, task_id)) is None
    assert sql.do(lambda connection: log.take_due(connection, 10)) == []
    sql.passes(60.0)
    assert sql.do(lambda connection: log.take_due(connection, 10)) == [Due(task_id, 1)]
    assert claimed(sql, log, task_id).task.attempt == 2


def test_a_confirmation_that_comes_late_does_not_hide_that_the_message_is_gone(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    lease = claimed(sql, log, task_id)  # the worker is faster than who sent it
    assert sql.do(lambda connection: log.give_back(connection, lease, ERROR, 0.0))
    assert not sql.do(lambda connection: log.mark_dispatched(connection, task_id, 0))
    assert sql.states(task_id) == ["accepted"]
    assert sql.do(lambda connection: log.mark_dispatched(connection, task_id, 1))


def test_a_new_task_is_left_to_who_accepted_it(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    assert sql.do(lambda connection: log.take_due(connection, 10)) == []
    sql.passes(11.0)
    assert sql.do(lambda connection: log.take_due(connection, 10)) == [Due(task_id, 0)]
    assert sql.do(lambda connection: log.take_due(connection, 10)) == [], "it was just taken"


def test_a_task_that_waits_in_a_long_queue_gets_few_messages(sql: Any, log: TaskLog) -> None:
    [task_id] = sql.accept({})
    messages = 0
    for _ in range(24 * 12):  # a day, looked at every five minutes
        for due in sql.do(lambda connection: log.take_due(connection, 10)):
            assert sql.do(lambda connection, due=due: log.mark_dispatched(connection, due.task_id, due.attempts))
            messages += 1
        sql.passes(300.0)
    assert 5 <= messages <= 10
    assert sql.states(task_id) == ["dispatched"]


def test_reapers_share(engine: Engine, sql: Any, log: TaskLog) -> None:
    ids = sql.accept(*[{}] * 10)
    sql.passes(60.0)
    with engine.connect() as one, engine.connect() as other:
        first = log.take_due(one, 4)
        second = log.take_due(other, 10)
        one.commit()
        other.commit()
    assert len(first) == 4
    assert sorted([due.task_id for due in first + second]) == sorted(ids)


def test_the_oldest_are_sent_first(sql: Any, log: TaskLog) -> None:
    ids = []
    for _ in range(5):
        ids += sql.accept({})
        sql.passes(60.0)
    assert [due.task_id for due in sql.do(lambda connection: log.take_due(connection, 3))] == ids[:3]


def test_counts_have_every_state(sql: Any, log: TaskLog) -> None:
    ids = sql.accept(*[{}] * 5)
    for task_id, state in zip(ids, ("done", "failed", "dead"), strict=False):
        lease = claimed(sql, log, task_id)
        sql.do(lambda connection, lease=lease, state=state: end(log, connection, lease, state))
    claimed(sql, log, ids[3])
    counts = sql.do(log.counts)
    assert counts == {"accepted": 1, "dispatched": 1, "done": 1, "failed": 1, "dead": 1}
    sql("DELETE FROM example.tasks")
    assert set(sql.do(log.counts).values()) == {0}


def test_counting_reads_an_index_alone(engine: Engine, sql: Any, log: TaskLog) -> None:
    """Results are large, and every replica counts every few seconds."""
    sql.accept(*[{}] * 5)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")  # five rows are read faster without
        counted = "SELECT state, count(*) FROM example.tasks GROUP BY state"
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {counted}").scalars())
    assert "Index Only Scan using tasks_state" in plan


def test_a_user_that_was_deleted_gets_nothing_back(sql: Any, log: TaskLog) -> None:
    ids = sql.accept({}, {})
    lease = claimed(sql, log, ids[0])
    assert sql.do(lambda connection: log.delete_user(connection, "user-2")) == 0
    assert sql.do(lambda connection: log.delete_user(connection, "user-1")) == 2
    assert not sql.do(lambda connection: log.finish(connection, lease, {}))
    assert not sql.do(lambda connection: log.was_ended_by(connection, lease))


def test_what_is_finished_is_forgotten_some_day(sql: Any, log: TaskLog) -> None:
    ids = sql.accept(*[{}] * 4)
    for task_id in ids[:3]:
        lease = claimed(sql, log, task_id)
        sql.do(lambda connection, lease=lease: log.finish(connection, lease, {}))
    sql.passes(86400.0)
    assert sql.do(lambda connection: log.forget_finished(connection, days=1.5, limit=10)) == 0
    assert sql.do(lambda connection: log.forget_finished(connection, days=0.5, limit=2)) == 2
    assert sql.do(lambda connection: log.forget_finished(connection, days=0.5, limit=2)) == 1
    assert sql.states(ids[3]) == ["accepted"]
