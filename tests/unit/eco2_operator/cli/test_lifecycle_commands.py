"""`eco2 pause`, `resume`, `restart` and `migrate`: an annotation, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from eco2_operator.build.migration import migration_hash
from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import RERUN_ANNOTATION, RESTART_ANNOTATION, SUSPEND_ANNOTATION

PATH = ECO_DOMAIN.path("scan", "scan")
MIGRATIONS = {"command": ["alembic"], "timeoutSeconds": 1}


def annotations(api):
    return api.objects[PATH]["metadata"].get("annotations") or {}


def test_pausing_sets_the_annotation_and_touches_no_spec(api, make, on_cluster):
    api.add(make.domain())
    result = on_cluster("pause", "scan", "-n", "scan")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "EcoDomain scan/scan is suspended: its objects stay as they are until `eco2 resume scan -n scan`\n"
    )
    patch = {"metadata": {"uid": "uid-scan", "annotations": {SUSPEND_ANNOTATION: "true"}}}
    assert api.patches == [(PATH, patch)]


def test_pausing_says_that_the_spec_suspends_already(api, make, on_cluster):
    api.add(make.domain(suspend=True))
    assert "is suspended (spec.suspend does so too)" in on_cluster("pause", "scan").stdout


def test_resuming_removes_it(api, make, on_cluster):
    api.add(make.domain())
    on_cluster("pause", "scan")
    result = on_cluster("resume", "scan")
    assert result.exit_code == 0
    assert result.stdout == "EcoDomain scan/scan: the annotation is gone; the operator looks after it\n"
    assert annotations(api) == {}


def test_resuming_what_was_not_paused_writes_nothing(api, make, on_cluster):
    api.add(make.domain())
    result = on_cluster("resume", "scan")
    assert (result.exit_code, api.patches) == (0, [])
    assert "it was not paused" in result.stdout


def test_resuming_says_that_the_spec_still_suspends(api, make, on_cluster):
    api.add(make.domain(suspend=True))
    on_cluster("pause", "scan")
    result = on_cluster("resume", "scan")
    assert result.exit_code == 1
    assert "the annotation is gone, but spec.suspend still suspends it" in result.stdout
    assert annotations(api) == {}


@pytest.mark.parametrize(("command", "annotation"), [("restart", RESTART_ANNOTATION), ("migrate", RERUN_ANNOTATION)])
def test_a_restart_and_a_migration_are_asked_for_by_the_time(api, make, on_cluster, command, annotation):
    api.add(make.domain(migrations=MIGRATIONS))
    seen = set()
    for _ in range(2):
        assert on_cluster(command, "scan").exit_code == 0
        asked = datetime.fromisoformat(annotations(api)[annotation])
        assert abs(datetime.now(UTC) - asked) < timedelta(minutes=1)
        seen.add(asked)
    assert len(seen) == 2
    assert {frozenset(patch["metadata"]) for _, patch in api.patches} == {frozenset({"uid", "annotations"})}


def test_a_restart_says_what_comes_before_it(api, make, on_cluster):
    api.add(make.domain(migrations=MIGRATIONS, suspend=True))
    result = on_cluster("restart", "scan")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "note: its migration runs first",
        "note: it is suspended: nothing happens before `eco2 resume scan -n scan`",
    ]


def test_a_migration_of_a_domain_without_one(api, make, on_cluster):
    api.add(make.domain())
    result = on_cluster("migrate", "scan")
    assert (result.exit_code, api.patches) == (2, [])
    assert "EcoDomain scan/scan declares no migration: there is nothing to run" in result.stderr


def test_a_migration_that_has_succeeded_runs_again_when_asked(api, make, on_cluster):
    domain = make.domain(migrations=MIGRATIONS)
    digest = migration_hash(parse(domain, EcoDomainSpec))
    domain["status"] = {"migration": {"succeeded": [{"hash": digest, "finishedAt": "2026-01-02T00:00:00Z"}]}}
    api.add(domain)
    result = on_cluster("migrate", "scan")
    assert result.exit_code == 0
    assert "note: it had succeeded at 2026-01-02T00:00:00Z" in result.stderr
    assert RERUN_ANNOTATION in annotations(api)


def migrates(state):
    def operator(domain):
        digest = migration_hash(parse(domain, EcoDomainSpec))
        told = {"type": "MigrationComplete", "status": "False", "reason": "x", "message": f"it has {state}"}
        domain["status"] = {"conditions": [told], "migration": {"hash": digest, "state": state}}

    return operator


@pytest.mark.parametrize(("state", "code", "word"), [("Succeeded", 0, "done"), ("Failed", 1, "failed")])
def test_waiting_for_a_migration(api, make, on_cluster, state, code, word):
    api.add(make.domain(migrations=MIGRATIONS))
    api.after_patch = migrates(state)
    result = on_cluster("migrate", "scan", "--wait")
    assert result.exit_code == code
    assert result.stderr == f"{word}: it has {state}\n"
    assert result.stdout == "EcoDomain scan/scan: its migration runs again; new pods wait for it\n"


def test_waiting_ends(api, make, on_cluster):
    api.add(make.domain(migrations=MIGRATIONS))
    result = on_cluster("migrate", "scan", "--wait", "--timeout", "0")
    assert result.exit_code == 1
    assert "not done after 0 s; what was last to be seen: the operator has not taken up migration" in result.stderr


def test_waiting_for_a_restart(api, make, on_cluster):
    api.add(make.domain(status=make.status("True", "Ready", "1 of 1 pods serve")))

    def operator(domain):
        annotations = {RESTART_ANNOTATION: domain["metadata"]["annotations"][RESTART_ANNOTATION]}
        api.add(
            {
                "apiVersion": DEPLOYMENT.api_version,
                "kind": DEPLOYMENT.name,
                "metadata": {"name": "scan", "namespace": "scan", "generation": 1},
                "spec": {"replicas": 1, "template": {"metadata": {"annotations": annotations}}},
                "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            }
        )

    api.after_patch = operator
    result = on_cluster("restart", "scan", "--wait")
    assert (result.exit_code, result.stderr) == (0, "done: 1 of 1 new pods serve\n")


def test_what_goes_while_somebody_waits(api, make, on_cluster):
    for command in ("restart", "migrate"):
        api.add(make.domain(migrations=MIGRATIONS))
        api.after_patch = lambda _: api.objects.clear()
        result = on_cluster(command, "scan", "--wait")
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "failed: the EcoDomain is gone")


def test_a_domain_that_was_replaced_meanwhile_is_left_alone(api, make, on_cluster):
    domain = make.domain()
    api.add(domain)
    answered = api.answer

    def replaced(method, target, body):
        if method == "PATCH":
            domain["metadata"]["uid"] = "another"
        return answered(method, target, body)

    api.answer = replaced
    result = on_cluster("pause", "scan", "-n", "scan")
    assert result.exit_code == 2
    assert "does not match" in result.stderr
    assert annotations(api) == {}


def test_wrong_usage(api, make, on_cluster):
    api.add(make.domain(image=7))
    assert on_cluster("restart", "scan", "--timeout", "3").exit_code == 2
    for command in ("pause", "resume", "restart", "migrate"):
        assert "no EcoDomain nobody" in on_cluster(command, "nobody").stderr
    for command in ("restart", "migrate"):
        assert "EcoDomain scan/scan: spec.image" in on_cluster(command, "scan").stderr
