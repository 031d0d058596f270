"""What the cache keeps of Jobs, Secrets and revisions; pods and ReplicaSets: test_cache."""

import base64
import json
from typing import Any

from tests.unit.eco2_operator.fakes import NAMESPACE, child

from eco2_operator.kinds import CONTROLLER_REVISION, JOB, POD, SECRET, SERVICE, Kind
from eco2_operator.naming import Manifest, Ref
from eco2_operator.slim import slim

VALUE = "hunter2-is-nobodys-business"
ENCODED = base64.b64encode(VALUE.encode()).decode()


def digest(name: str, value: bytes) -> str:
    return f"{name}={len(value)}"


def kept(kind: Kind, **fields: Any) -> Manifest:
    """A child with these fields as the cache keeps it."""
    metadata = fields.pop("metadata", {})
    full = {**child(kind, uid="u", resourceVersion="5", **metadata), **fields}
    return dict(slim(Ref.of(full), full, digest))


def test_of_a_job_is_kept_whose_it_is_what_it_ran_and_how_it_went() -> None:
    annotations = {"eco2.growbin.app/migration-hash": "abc", "kubectl.kubernetes.io/last-applied": VALUE}
    conditions = [{"type": "Failed", "status": "True", "message": "m"}, {"type": "Suspended", "status": "False"}]
    status = {"conditions": conditions, "startTime": "t", "failed": 1, "ready": 0, "uncountedTerminatedPods": {}}
    found = kept(
        JOB,
        metadata={"annotations": annotations, "creationTimestamp": "c", "managedFields": [VALUE]},
        spec={"template": {"spec": {"containers": [{"env": [{"value": VALUE}]}]}}},
        status=status,
    )
    assert VALUE not in json.dumps(found)
    assert "spec" not in found
    assert found["metadata"]["annotations"] == {"eco2.growbin.app/migration-hash": "abc"}
    assert found["metadata"]["creationTimestamp"] == "c"
    assert found["metadata"]["ownerReferences"][0]["controller"] is True
    assert found["status"] == {"conditions": conditions[:1], "startTime": "t", "failed": 1}
    assert kept(JOB)["status"] == {"conditions": []}


def test_of_a_secret_are_kept_its_keys_and_a_digest_of_each_value_and_never_the_value() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": VALUE, "eco2.growbin.app/owner": "o"}
    found = kept(
        SECRET,
        metadata={"annotations": annotations, "managedFields": [{"manager": "eco2-operator", "f": VALUE}]},
        data={"b": ENCODED, "a": "", "c": "not base64!"},
        stringData={"d": VALUE},
        type="Opaque",
    )
    text = json.dumps(found)
    assert VALUE not in text
    assert ENCODED not in text
    where = f"{NAMESPACE}/scan"
    assert found["digests"] == {"a": f"{where}/a=0", "b": f"{where}/b={len(VALUE)}", "c": f"{where}/c=0"}
    assert found["metadata"]["annotations"] == {"eco2.growbin.app/owner": "o"}
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "eco2-operator"
    assert found["metadata"]["ownerReferences"]
    assert kept(SECRET, data=None)["digests"] == {}


def test_of_a_revision_everything_is_kept_but_the_spec_it_remembers() -> None:
    entries = [{"manager": "eco2-operator"}, {"manager": "kubectl"}]
    found = kept(CONTROLLER_REVISION, metadata={"managedFields": entries}, revision=3, data={"spec": VALUE})
    assert VALUE not in json.dumps(found)
    assert found["revision"] == 3
    assert found["metadata"]["managedFields"] == entries[:1]
    assert found["metadata"]["ownerReferences"]


def test_a_pod_of_a_migration_keeps_the_name_of_its_job() -> None:
    labels = {"batch.kubernetes.io/job-name": "scan-migrate-1", "app.kubernetes.io/name": "scan-migration"}
    found = kept(POD, metadata={"labels": labels, "creationTimestamp": "c"})
    assert found["metadata"]["labels"] == {"batch.kubernetes.io/job-name": "scan-migrate-1"}
    assert found["metadata"]["creationTimestamp"] == "c"


def test_another_child_is_kept_with_our_managed_fields_alone() -> None:
    entries = [{"manager": "eco2-operator"}, {"manager": "kubectl"}]
    found = kept(SERVICE, metadata={"managedFields": entries}, spec={"a": 1})
    assert found["metadata"]["managedFields"] == entries[:1]
    assert found["spec"] == {"a": 1}
