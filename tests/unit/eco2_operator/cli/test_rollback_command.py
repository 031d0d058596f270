"""`eco2 rollback`: the spec with which a domain last was Ready."""

import json

import pytest
import yaml

from eco2_operator.build.migration import migration_hash
from eco2_operator.kinds import CONTROLLER_REVISION
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse


def revision(domain, number, *, uid=None, **changes):
    owner = {"kind": "EcoDomain", "name": "scan", "uid": uid or domain["metadata"]["uid"], "controller": True}
    labels = {"app.kubernetes.io/name": "scan", "app.kubernetes.io/managed-by": "eco2-operator"}
    spec = {**domain["spec"], **changes}
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.name,
        "metadata": {
            "name": f"scan-{number}{uid or ''}",
            "namespace": "scan",
            "labels": labels,
            "ownerReferences": [owner],
            "creationTimestamp": f"2026-01-0{number}T00:00:00Z",
        },
        "revision": number,
        "data": {
            "apiVersion": "eco2.growbin.app/v1alpha1",
            "kind": "EcoDomain",
            "metadata": {"name": "scan", "namespace": "scan"},
            "spec": spec,
        },
    }


@pytest.fixture
def broken(api, make):
    """A domain with a bad image; it was Ready with two earlier ones."""
    domain = make.domain(image="x:bad")
    api.add(domain, revision(domain, 1, image="x:1"), revision(domain, 2, image="x:2"))
    return domain


def test_the_last_ready_spec_alone_is_on_stdout(broken, on_cluster):
    result = on_cluster("rollback", "scan")
    assert result.exit_code == 0
    printed = yaml.safe_load(result.stdout)
    assert printed == {
        "apiVersion": "eco2.growbin.app/v1alpha1",
        "kind": "EcoDomain",
        "metadata": {"name": "scan", "namespace": "scan"},
        "spec": {**broken["spec"], "image": "x:2"},
    }
    assert result.stderr.splitlines() == [
        "EcoDomain scan/scan: revision 2, first Ready at 2026-01-02T00:00:00Z; it would change:",
        "--- present",
        "+++ revision 2",
        "@@ -1,3 +1,3 @@",
        " spec:",
        "-  image: x:bad",
        "+  image: x:2",
        "   port: 8000",
        "apply it through git, or with `kubectl apply -f -`",
    ]


def test_the_one_before(broken, on_cluster):
    assert yaml.safe_load(on_cluster("rollback", "scan", "--previous").stdout)["spec"]["image"] == "x:1"


def test_json_and_a_file(broken, on_cluster, tmp_path):
    assert json.loads(on_cluster("rollback", "scan", "-o", "json").stdout)["spec"]["image"] == "x:2"
    path = tmp_path / "scan.yaml"
    result = on_cluster("rollback", "scan", "--to-file", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    assert yaml.safe_load(path.read_text())["spec"]["image"] == "x:2"
    assert result.stderr.splitlines()[-1].startswith(f"written to {path}: ")
    assert on_cluster("rollback", "scan", "--to-file", str(path / "no")).exit_code == 2


def test_nothing_to_roll_back_to(api, make, on_cluster):
    domain = make.domain(image="x:2")
    api.add(domain)
    result = on_cluster("rollback", "scan")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has not been Ready yet, as far as is known" in result.stderr
    api.add(revision(domain, 2))
    result = on_cluster("rollback", "scan")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(
        "the present spec is the one that last was Ready: nothing to roll back, and there is none before it\n"
    )
    result = on_cluster("rollback", "scan", "--previous")
    assert (result.exit_code, result.stdout) == (1, "")
    api.add(revision(domain, 1, image="x:1"))
    assert "`--previous` prints the one before" in on_cluster("rollback", "scan").stderr
    assert yaml.safe_load(on_cluster("rollback", "scan", "--previous").stdout)["spec"]["image"] == "x:1"


def test_revisions_of_an_earlier_domain_of_the_name_do_not_count(api, make, on_cluster):
    domain = make.domain(image="x:bad")
    api.add(domain, revision(domain, 9, uid="another", image="x:9"))
    assert on_cluster("rollback", "scan").exit_code == 1


@pytest.mark.parametrize("has_run", [True, False])
def test_it_says_whether_a_migration_would_run(api, make, on_cluster, has_run):
    domain = make.domain(image="x:bad", migrations={"command": ["alembic"]})
    earlier = revision(domain, 1, image="x:1")
    digest = migration_hash(parse({**domain, "spec": earlier["data"]["spec"]}, EcoDomainSpec))
    done = [{"hash": digest, "finishedAt": "2026-01-01T00:00:00Z"}] if has_run else []
    domain["status"] = {"migration": {"succeeded": done}}
    api.add(domain, earlier)
    says = "its migration has run, and does not run again" if has_run else "its migration would run first"
    assert says in on_cluster("rollback", "scan").stderr


def test_a_spec_that_the_schema_knows_no_more_is_printed_all_the_same(api, make, on_cluster):
    domain = make.domain()
    api.add(domain, revision(domain, 1, former="field"))
    result = on_cluster("rollback", "scan")
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["spec"]["former"] == "field"
