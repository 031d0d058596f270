"""Migrations and EcoSecretBindings in `eco2 status`."""

import json

import pytest

from eco2_operator.cli.status.bindings import binding_branches, summarize_binding
from eco2_operator.cli.status.migration import migration_branch
from eco2_operator.cli.status.tree import child_branch

HASH = "abcdef0123456789"


def binding(name="keys", *, synced="True", reason="Synced", message="fine", generation=1, seen=1, keys=()):
    conditions = [
        {"type": kind, "status": synced, "reason": reason, "message": message, "observedGeneration": seen}
        for kind in ("Ready", "Synced")
    ]
    return {
        "apiVersion": "eco2.growbin.app/v1alpha1",
        "kind": "EcoSecretBinding",
        "metadata": {
            "name": name,
            "namespace": "scan",
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"keys": [{"name": "A", "parameter": "/a"}, {"name": "B", "parameter": "/b"}]},
        "status": {"observedGeneration": seen, "conditions": conditions, "keys": list(keys)},
    }


A = {"name": "A", "hashPrefix": "00ff", "version": "3", "lastChanged": "2026-01-01T00:00:00Z"}


def test_a_second_table_of_bindings(api, make, on_cluster):
    api.add(make.domain(status=make.status()), binding(keys=[A, {**A, "name": "B"}]))
    result = on_cluster("status", "-A")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[4].split() == ["Namespace", "SecretBinding", "Synced", "Reason", "Keys", "Age"]
    assert lines[6].split()[:5] == ["scan", "keys", "True", "Synced", "2/2"]


def test_a_binding_that_is_not_synced_says_why(api, make, on_cluster):
    api.add(
        make.domain(status=make.status()),
        binding(synced="False", reason="ParameterMissing", message="B: no such parameter", keys=[A, {"name": "B"}]),
    )
    result = on_cluster("status", "-A")
    assert result.exit_code == 1
    assert "1/2" in result.stdout
    assert result.stdout.endswith("\nscan/keys  ParameterMissing\n  B: no such parameter\n")


def test_bindings_as_data(api, make, on_cluster):
    api.add(make.domain(status=make.status()), binding(keys=[A]))
    domain, found = json.loads(on_cluster("status", "-A", "-o", "json").stdout)
    assert (domain["kind"], found["kind"]) == ("EcoDomain", "EcoSecretBinding")
    assert found["keys"] == [A, {"name": "B"}]


def test_the_status_of_an_older_spec_says_nothing():
    row = summarize_binding(binding(generation=2, seen=1))
    assert (row.synced, row.reason) == ("Unknown", "NotObserved")
    row = summarize_binding({**binding(), "status": {}})
    assert (row.synced, row.present) == ("Unknown", 0)


def test_a_suspended_binding_says_so_by_ready_alone():
    suspended = binding(generation=2, seen=2)
    ready, synced = suspended["status"]["conditions"]
    ready |= {"status": "Unknown", "reason": "Suspended"}
    synced["observedGeneration"] = 1
    assert summarize_binding(suspended).reason == "Suspended"


def test_the_bindings_of_a_domain_are_in_its_tree(api, make, on_cluster):
    bad = binding(synced="False", reason="ParameterMissing", message="B: gone", keys=[A])
    ready = {"type": "SecretsReady", "status": "True"}
    status = make.status()
    status["conditions"].append(ready)
    domain = make.domain(status=status, secrets=[{"name": "keys"}, {"name": "plain"}])
    api.add(domain, bad)
    lines = on_cluster("status", "domain", "scan").stdout.splitlines()
    start = lines.index("✓ EcoDomain scan/scan  Ready=True Ready")
    assert lines[start + 1 :] == [
        "├── ✗ EcoSecretBinding keys  Synced=False ParameterMissing, 1 of 2 keys",
        "│   └── B: gone",
        "└── ✓ EcoSecretBinding plain  missing: only the Secret of that name counts",
    ]
    ready["status"] = "False"
    assert [branch.well for branch in binding_branches(domain, [])] == [False, False]


def migrating(make, state, *, reason=None, message="exit code 1", **record):
    told = {"type": "MigrationComplete", "status": "False", "reason": reason or state, "message": message}
    status = make.status("False", "MigrationFailed", "exit code 1", migration={"hash": HASH, "state": state, **record})
    status["conditions"].append(told)
    return make.domain(status=status)


def migration_pod(make, name="scan-migrate-1", job="scan-migrate-abcdef01", **status):
    pod = make.pod(name, domain="scan-migration", **status)
    pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = job
    return pod


def test_a_failed_migration_with_its_pod_and_last_error(api, make, on_cluster):
    ended = {"name": "migrate", "state": {"terminated": {"exitCode": 1, "message": "no table"}}}
    api.add(
        migrating(make, "Failed", finishedAt="2026-01-02T00:00:00Z"),
        migration_pod(make, phase="Failed", conditions=[], containerStatuses=[ended]),
        migration_pod(make, "older", "scan-migrate-00000000"),
    )
    lines = on_cluster("status", "domain", "scan").stdout.splitlines()
    start = lines.index("✗ EcoDomain scan/scan  Ready=False MigrationFailed")
    assert lines[start + 1 :] == [
        "└── ✗ Job scan-migrate-abcdef01  migration Failed since 2026-01-02T00:00:00Z",
        "    ├── exit code 1",
        "    └── ✗ Pod scan-migrate-1  Error, on n1",
        "        └── container migrate: last exit code 1 (Error): no table",
    ]


@pytest.mark.parametrize(
    ("state", "reason", "well"),
    [
        ("Succeeded", "Succeeded", True),
        ("Running", "Running", True),
        ("Running", "ImagePullBackOff", False),
        ("Waiting", "WaitingForSecrets", False),
        ("Failed", "MigrationTimedOut", False),
    ],
)
def test_whether_a_migration_is_well(make, state, reason, well):
    branch = migration_branch(migrating(make, state, reason=reason), [], frozenset(), {})
    assert (branch.well, branch.error) == (well, "" if well else "exit code 1")
    assert branch.as_data()["hash"] == HASH


def test_without_a_migration_there_is_none(make):
    remembers = make.domain(status=make.status(migration={"succeeded": [{"hash": HASH, "finishedAt": "x"}]}))
    assert migration_branch(remembers, [], frozenset(), {}) is None
    assert migration_branch(make.domain(), [], frozenset(), {}) is None


def test_a_deployment_says_why_its_pods_are_not_even_made():
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    live = {
        "metadata": {"uid": "u"},
        "spec": {"replicas": 1},
        "status": {"conditions": [{"type": "Available", "status": "False"}, refused]},
    }
    item = {"kind": "Deployment", "namespace": "scan", "name": "scan", "uid": "u"}
    assert child_branch(item, live).error == "FailedCreate: exceeded quota"
    live["status"]["readyReplicas"] = 1
    assert child_branch(item, live).error == ""
