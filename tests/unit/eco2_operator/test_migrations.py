"""Where a migration stands, from Jobs and from what the status remembers."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eco2_operator.migrations import KEPT_JOBS, REMEMBERED, Stage, outcome, stage, superfluous
from eco2_operator.naming import MIGRATION_HASH_ANNOTATION, Manifest

A, B, C = "a" * 64, "b" * 64, "c" * 64
EARLY, LATE, LATEST = "2026-11-22T10:00:00Z", "2026-11-22T10:01:00Z", "2026-11-22T10:02:00Z"
MISSING = ["key url of Secret database"]


def job(digest: str, ended: str = "", *, reason: str = "", message: str = "", created: str = EARLY) -> Manifest:
    """A Job of a hash: it runs, or has ended as Complete or Failed."""
    condition = {"type": ended, "status": "True", "reason": reason, "message": message, "lastTransitionTime": LATE}
    return {
        "metadata": {
            "name": f"scan-migrate-{digest[:8]}",
            "creationTimestamp": created,
            "annotations": {MIGRATION_HASH_ANNOTATION: digest},
        },
        "status": {"startTime": created, "conditions": [condition] if ended else []},
    }


def at(digest: str | None, *jobs: Manifest, previous: Any = None, missing: Any = ()) -> Stage:
    return stage(digest, name="scan", jobs=jobs, previous=previous or {}, missing=missing)


def success(digest: str, at: str = EARLY) -> Manifest:
    return {"hash": digest, "finishedAt": at}


def test_without_migrations_nothing_is_required_and_nothing_recorded() -> None:
    found = at(None)
    assert (found.step, found.reason, found.passed, found.record) == ("none", "NotRequired", True, None)


def test_without_migrations_what_has_run_is_still_remembered() -> None:
    assert at(None, previous={"hash": A, "succeeded": [success(A)]}).record == {"succeeded": [success(A)]}


def test_a_hash_that_never_ran_starts() -> None:
    found = at(A)
    assert (found.step, found.passed, found.job) == ("start", False, None)
    assert found.record == {"hash": A, "state": "Running"}


def test_it_waits_for_what_its_job_would_read_and_that_is_no_failure() -> None:
    found = at(A, missing=MISSING)
    assert (found.step, found.reason, found.passed) == ("waiting", "WaitingForSecrets", False)
    assert MISSING[0] in found.message
    assert found.record == {"hash": A, "state": "Waiting"}
    assert at(A, previous=found.record).step == "start"


def test_a_job_that_runs_is_waited_for_whatever_is_missing() -> None:
    found = at(A, job(A), missing=MISSING)
    assert (found.step, found.reason) == ("running", "Running")
    assert found.record == {"hash": A, "state": "Running", "startedAt": EARLY}


def test_a_job_that_completed_lets_the_pods_in_and_is_remembered() -> None:
    found = at(A, job(A, "Complete"))
    assert (found.step, found.passed) == ("done", True)
    succeeded = [success(A, LATE)]
    assert found.record == {
        "hash": A,
        "state": "Succeeded",
        "startedAt": EARLY,
        "finishedAt": LATE,
        "succeeded": succeeded,
    }
    assert at(A, previous=found.record).step == "done"  # its Job is gone
    assert at(A, previous=found.record, missing=MISSING).step == "done"


def test_a_job_that_failed_says_what_to_do_and_does_not_run_again() -> None:
    found = at(A, job(A, "Failed", message="Job has reached the specified backoff limit"))
    assert (found.step, found.reason) == ("failed", "MigrationFailed")
    assert "backoff limit" in found.message
    assert "eco2 migrate scan" in found.message
    assert found.record == {"hash": A, "state": "Failed", "startedAt": EARLY, "finishedAt": LATE}
    again = at(A, previous=found.record)
    assert (again.step, again.reason) == ("failed", "MigrationFailed")
    assert again.record == {**found.record, "succeeded": []}


def test_a_deadline_that_passed_is_called_by_its_name() -> None:
    found = at(A, job(A, "Failed", reason="DeadlineExceeded"))
    assert found.reason == "MigrationTimedOut"
    assert "timeoutSeconds" in found.message


def test_a_job_lost_while_it_ran_is_for_a_person_to_look_at() -> None:
    found = at(A, previous={"hash": A, "state": "Running", "startedAt": EARLY})
    assert (found.step, found.reason) == ("failed", "MigrationFailed")
    assert "was running, and its Job is gone" in found.message
    assert found.record is not None
    assert found.record["state"] == "Failed"


def test_going_back_to_a_hash_that_succeeded_runs_nothing() -> None:
    previous = {"hash": B, "state": "Failed", "succeeded": [success(A)]}
    found = at(A, job(B, "Failed"), previous=previous)
    assert (found.step, found.record) == (
        "done",
        {"hash": A, "state": "Succeeded", "finishedAt": EARLY, "succeeded": [success(A)]},
    )


def test_going_back_is_not_held_up_by_a_job_that_still_runs() -> None:
    assert at(A, job(B), previous={"succeeded": [success(A)]}).step == "done"


def test_a_newer_hash_waits_for_the_one_that_runs_and_then_starts() -> None:
    found = at(B, job(A))
    assert (found.step, found.reason, found.passed) == ("running", "Running", False)
    assert "scan-migrate-aaaaaaaa" in found.message
    assert found.record == {"hash": B, "state": "Waiting"}
    for ended in ("Complete", "Failed"):
        assert at(B, job(A, ended), previous=found.record).step == "start"


def test_of_several_newer_ones_only_the_newest_starts() -> None:
    assert at(C, job(A, "Complete"), previous={"hash": B, "state": "Waiting"}).step == "start"


def test_a_job_that_completed_unseen_while_the_spec_moved_on_is_remembered() -> None:
    found = at(B, job(A, "Complete"))
    assert found.record is not None
    assert found.record["succeeded"] == [success(A, LATE)]


def test_the_last_twenty_successes_are_remembered_and_the_present_one_whatever_its_age() -> None:
    many = [success(f"{number:064}", f"2026-11-22T10:00:{number:02}Z") for number in range(REMEMBERED + 1)]
    oldest = many[0]["hash"]
    record = at(A, previous={"succeeded": many}).record
    assert record is not None
    assert record["succeeded"] == many[1:]
    record = at(oldest, previous={"succeeded": many}).record
    assert record is not None
    assert record["succeeded"] == [many[0], *many[2:]]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, "running"),
        ([{"type": "Suspended", "status": "True"}], "running"),
        ([{"type": "FailureTarget", "status": "True"}], "running"),
        ([{"type": "Complete", "status": "False"}], "running"),
        ([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}], "succeeded"),
        ([{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}], "failed"),
    ],
)
def test_a_job_has_ended_when_its_controller_says_so(conditions: Any, expected: str) -> None:
    assert outcome({"status": {"conditions": conditions}}) == expected
    assert outcome({}) == "running"


def test_finished_jobs_beyond_the_newest_three_are_superfluous_oldest_first() -> None:
    many = [job(f"{number}" * 64, "Complete", created=f"2026-11-22T10:00:0{number}Z") for number in range(6)]
    assert superfluous(many[:KEPT_JOBS], "") == []
    assert superfluous(many[::-1], "") == many[:3]


def test_neither_the_job_of_the_present_hash_nor_one_that_runs_is_superfluous() -> None:
    many = [job(f"{number}" * 64, "Failed", created=f"2026-11-22T10:00:0{number}Z") for number in range(5)]
    assert superfluous(many, "0" * 64) == [many[1]]
    assert superfluous([job(A), *many[1:]], "") == [many[1]]


HASHES = st.sampled_from([A, B, C])
JOBS = st.builds(job, HASHES, st.sampled_from(["", "Complete", "Failed"]), created=st.sampled_from([EARLY, LATEST]))
PREVIOUS = st.fixed_dictionaries(
    {},
    optional={
        "hash": HASHES,
        "state": st.sampled_from(["Waiting", "Running", "Succeeded", "Failed"]),
        "succeeded": st.lists(st.builds(success, HASHES), unique_by=lambda entry: entry["hash"]),
    },
)
NAMED = st.lists(JOBS, unique_by=lambda each: each["metadata"]["name"])


@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HASHES, NAMED, PREVIOUS, st.lists(st.just("Secret x"), max_size=1))
def test_nothing_runs_twice_or_at_once_and_what_was_written_is_understood(
    digest: str, jobs: list[Manifest], previous: Manifest, missing: list[str]
) -> None:
    found = at(digest, *jobs, previous=previous, missing=missing)
    ran = {entry["hash"] for entry in previous.get("succeeded", ())}
    mine = [each for each in jobs if each["metadata"]["annotations"][MIGRATION_HASH_ANNOTATION] == digest]
    ran_well = digest in ran or any(outcome(each) == "succeeded" for each in mine)
    assert found.passed is ran_well
    if found.step == "start":
        assert not mine
        assert not missing
        assert all(outcome(each) != "running" for each in jobs)
        assert previous.get("hash") != digest or previous.get("state") not in ("Failed", "Running")
    assert found.record is not None
    assert found.record["hash"] == digest
    if found.step != "start":  # the same Jobs and the status just written: the same stage, and nothing to write
        again = at(digest, *jobs, previous=found.record, missing=missing)
        assert (again.step, again.reason) == (found.step, found.reason)
        assert again.record == at(digest, *jobs, previous=again.record, missing=missing).record
