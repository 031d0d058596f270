"""How far a restart or a migration is."""

import pytest

from eco2_operator.build.migration import migration_hash
from eco2_operator.cli.lifecycle.progress import of_migration, of_restart
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.naming import RESTART_ANNOTATION, SUSPEND_ANNOTATION

MIGRATIONS = {"command": ["alembic"]}


def migrating(make, state=None, *, digest=None, message="Job scan-migrate-1 runs"):
    domain = make.domain(migrations=MIGRATIONS)
    own = migration_hash(parse(domain, EcoDomainSpec))
    told = {"type": "MigrationComplete", "status": "False", "reason": "x", "message": message}
    domain["status"] = {"conditions": [told], "migration": {"hash": digest or own, "state": state}}
    return domain


@pytest.mark.parametrize(
    ("state", "expected"),
    [("Waiting", "working"), ("Running", "working"), ("Succeeded", "done"), ("Failed", "failed")],
)
def test_a_migration_is_as_its_status_says(make, state, expected):
    progress = of_migration(migrating(make, state))
    assert (progress.state, progress.text) == (expected, "Job scan-migrate-1 runs")


def test_the_success_of_another_migration_does_not_count(make):
    progress = of_migration(migrating(make, "Succeeded", digest="0" * 64))
    assert progress.state == "working"
    assert "has not taken up migration" in progress.text


def test_without_a_condition_the_state_is_told(make):
    domain = migrating(make, "Running")
    domain["status"]["conditions"] = []
    assert of_migration(domain).text.endswith(": Running")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"migrations": None}, "declares no migration any more"),
        ({"image": 7}, "spec.image"),
        ({"suspend": True}, "suspended"),
    ],
)
def test_a_migration_that_can_never_come(make, change, text):
    domain = migrating(make, "Running")
    domain["spec"] |= change
    progress = of_migration(domain)
    assert progress.state == "failed"
    assert text in progress.text


def restarted(make, *, ready="True", reason="Ready", message="2 of 2 pods serve", **spec):
    domain = make.domain(status=make.status(ready, reason, message), **spec)
    domain["metadata"]["annotations"] = {RESTART_ANNOTATION: "now"}
    return domain


def deployment(*, mark="now", generation=2, seen=2, late=False, **status):
    conditions = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}] if late else []
    numbers = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **status}
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 2, "template": {"metadata": {"annotations": {RESTART_ANNOTATION: mark}}}},
        "status": {"observedGeneration": seen, "conditions": conditions, **numbers},
    }


@pytest.mark.parametrize(
    ("live", "state", "text"),
    [
        (deployment(), "done", "2 of 2 new pods serve"),
        (deployment(mark="before"), "working", "the operator has not changed the Deployment yet"),
        (deployment(seen=1), "working", "the Deployment has just changed"),
        (deployment(updatedReplicas=1), "working", "1 of 2 new pods serve"),
        (deployment(availableReplicas=0), "working", "0 of 2 new pods serve"),
        (deployment(replicas=3), "working", "2 of 2 new pods serve"),
        (deployment(availableReplicas=0, late=True), "failed", "0 of 2 new pods serve"),
        (None, "working", "2 of 2 pods serve"),
    ],
)
def test_a_restart_is_done_when_the_new_pods_alone_serve(make, live, state, text):
    progress = of_restart(restarted(make), live)
    assert progress.state == state
    assert progress.text.startswith(text)


def test_a_restart_is_not_done_before_the_domain_is_ready(make):
    progress = of_restart(restarted(make, ready="False", reason="NameConflict", message="taken"), deployment())
    assert (progress.state, progress.text) == ("working", "2 of 2 new pods serve, but Ready is False: taken")
    stale = restarted(make)
    stale["metadata"]["generation"] = 5
    assert of_restart(stale, deployment()).state == "working"


def test_the_migration_comes_first_and_may_be_the_end(make):
    domain = migrating(make, "Failed", message="exit code 1")
    assert of_restart(domain, deployment()).text == "exit code 1"
    assert of_restart(domain, deployment()).state == "failed"
    assert of_restart(migrating(make, "Succeeded"), None).state == "working"


def test_nothing_restarts_while_suspended(make):
    domain = restarted(make)
    domain["metadata"]["annotations"][SUSPEND_ANNOTATION] = "true"
    assert of_restart(domain, deployment()).state == "failed"
