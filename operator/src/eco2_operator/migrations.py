"""Where the migration of a domain stands, and what has to happen next. Pure.

In:  the hash of what the spec would run, the Jobs there are, what the status remembers, what is missing.
Out: a `Stage`; only at ``start`` a Job is to be created, only at ``done`` new pods may appear.

A hash that has succeeded never runs again, so that going back to an earlier version is not blocked. One that has failed
or was lost does not run again by itself either: a migration that stopped half-way is for a person to look at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from eco2_operator.naming import MIGRATION_HASH_ANNOTATION, Manifest

Step = Literal["none", "done", "waiting", "start", "running", "failed"]
REMEMBERED: Final = 20
"""Hashes of migrations that succeeded, kept in the status."""
KEPT_JOBS: Final = 3
"""Finished Jobs that are left to be looked at."""
RERUN: Final = "mend it and run `eco2 migrate {name}` (it sets the annotation eco2.growbin.app/rerun-migration)"


@dataclass(frozen=True, slots=True)
class Stage:
    """What a migration has come to."""

    step: Step
    reason: str
    message: str
    digest: str = ""
    job: Manifest | None = None
    """The Job it is about: the one that runs, or the one that failed."""
    record: Mapping[str, Any] | None = None
    """`status.migration`; None without migrations."""

    @property
    def passed(self) -> bool:
        """Whether pods of the new version may start."""
        return self.step in ("none", "done")


NO_MIGRATION: Final = Stage("none", "NotRequired", "the domain declares no migration")


def stage(
    digest: str | None, *, name: str, jobs: Iterable[Manifest], previous: Mapping[str, Any], missing: Sequence[str]
) -> Stage:
    """Where the migration stands.

    Args:
        digest: what the spec would run; None without migrations.
        name: the domain's, for what to do.
        jobs: the domain's migration Jobs, slim.
        previous: `status.migration` as last written.
        missing: what the Job would read and is not there.
    """
    known = list(jobs)
    succeeded = _succeeded(known, previous, digest)
    if digest is None:
        record: Manifest | None = {"succeeded": succeeded} if succeeded else None
        return replace(NO_MIGRATION, record=record)
    mine = next((job for job in known if _digest(job) == digest), None)
    if any(entry["hash"] == digest for entry in succeeded):
        finished = next(entry["finishedAt"] for entry in succeeded if entry["hash"] == digest)
        record = _record(digest, "Succeeded", mine, succeeded, finished=finished)
        return Stage("done", "Succeeded", f"migration {digest[:8]} has run", digest, record=record)
    if mine is not None:
        return _of_job(digest, mine, succeeded, name)
    running = next((job for job in known if outcome(job) == "running"), None)
    if running is not None:
        message = f"the migration before ({running['metadata']['name']}) still runs; the newest one follows it"
        return Stage("running", "Running", message, digest, running, _record(digest, "Waiting", None, succeeded))
    before = previous.get("state") if previous.get("hash") == digest else None
    if before == "Failed" or before == "Running":
        lost = "failed, and its Job is gone" if before == "Failed" else "was running, and its Job is gone"
        record = {**previous, "state": "Failed", "succeeded": succeeded}
        return Stage(
            "failed", "MigrationFailed", f"migration {digest[:8]} {lost}: {_rerun(name)}", digest, None, record
        )
    if missing:
        message = f"the migration waits for {', '.join(missing)}"
        return Stage(
            "waiting", "WaitingForSecrets", message, digest, record=_record(digest, "Waiting", None, succeeded)
        )
    return Stage(
        "start", "Running", f"migration {digest[:8]} starts", digest, record=_record(digest, "Running", None, succeeded)
    )


def outcome(job: Mapping[str, Any]) -> Literal["running", "succeeded", "failed"]:
    """How a Job has ended, if it has."""
    true = {c["type"] for c in (job.get("status") or {}).get("conditions") or () if c.get("status") == "True"}
    if "Complete" in true:
        return "succeeded"
    return "failed" if "Failed" in true else "running"


def superfluous(jobs: Iterable[Manifest], digest: str) -> list[Manifest]:
    """Finished Jobs beyond the newest three, oldest first; never the one of the present hash."""
    finished = [job for job in jobs if outcome(job) != "running"]
    newest_first = sorted(finished, key=lambda job: job["metadata"].get("creationTimestamp") or "", reverse=True)
    return [job for job in newest_first[KEPT_JOBS:] if _digest(job) != digest][::-1]


def _of_job(digest: str, job: Manifest, succeeded: list[Manifest], name: str) -> Stage:
    where = job["metadata"]["name"]
    if outcome(job) == "running":
        record = _record(digest, "Running", job, succeeded)
        return Stage("running", "Running", f"Job {where} runs", digest, job, record)
    failed = next(c for c in job["status"]["conditions"] if c["type"] == "Failed")
    timed_out = failed.get("reason") == "DeadlineExceeded"
    why = "took longer than its timeoutSeconds" if timed_out else (failed.get("message") or "failed")
    message = f"Job {where}: {why}; the pods there were go on serving: {_rerun(name)}"
    return Stage(
        "failed",
        "MigrationTimedOut" if timed_out else "MigrationFailed",
        message,
        digest,
        job,
        _record(digest, "Failed", job, succeeded),
    )


def _rerun(name: str) -> str:
    return RERUN.format(name=name)


def _succeeded(jobs: Iterable[Manifest], previous: Mapping[str, Any], present: str | None) -> list[Manifest]:
    """Every success known, oldest first: the remembered ones, and Jobs that completed since.

    The `present` one is never forgotten, however old: the pods there are may be running on it.
    """
    known = {entry["hash"]: dict(entry) for entry in previous.get("succeeded") or ()}
    for job in jobs:
        digest = _digest(job)
        if digest and outcome(job) == "succeeded" and digest not in known:
            known[digest] = {"hash": digest, "finishedAt": _ended(job)}
    kept = sorted(known.values(), key=lambda entry: (entry["hash"] == present, str(entry["finishedAt"])))[-REMEMBERED:]
    return sorted(kept, key=lambda entry: str(entry["finishedAt"]))


def _record(
    digest: str, state: str, job: Manifest | None, succeeded: list[Manifest], *, finished: str | None = None
) -> Manifest:
    status = (job or {}).get("status") or {}
    ended = finished or (_ended(job) if job is not None and state == "Failed" else None)
    record: Manifest = {
        "hash": digest,
        "state": state,
        "startedAt": status.get("startTime"),
        "finishedAt": ended,
        "succeeded": succeeded,
    }
    return {key: value for key, value in record.items() if value}


def _ended(job: Mapping[str, Any]) -> str:
    status = job.get("status") or {}
    moved = [c.get("lastTransitionTime") for c in status.get("conditions") or () if c["type"] in ("Complete", "Failed")]
    return str(status.get("completionTime") or next(filter(None, moved), None) or job["metadata"]["creationTimestamp"])


def _digest(job: Mapping[str, Any]) -> str:
    return str((job["metadata"].get("annotations") or {}).get(MIGRATION_HASH_ANNOTATION, ""))
