"""A new EcoDomain becomes running objects, and says so."""

from collections.abc import Callable

import pytest
from support.audit import AuditTrail
from support.domains import AUTOSCALED, IMAGE, STANDARD, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, SERVICE, SERVICE_ACCOUNT, Kind

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


def test_every_child_exists_belongs_to_the_resource_and_carries_its_labels(new_domain: NewDomain) -> None:
    domain = new_domain(autoscaling={"minReplicas": 2, "maxReplicas": 4}).becomes_ready()
    children = domain.children()
    assert set(children) == AUTOSCALED
    uid = domain.live["metadata"]["uid"]
    for kind, child in children.items():
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("EcoDomain", "scan", uid), kind
        assert owner["controller"] is True
        component = "access" if kind.name == "NetworkPolicy" else "workload"
        assert child["metadata"]["labels"] == {
            "app.kubernetes.io/name": "scan",
            "app.kubernetes.io/part-of": "ecoeco-backend",
            "app.kubernetes.io/component": component,
            "app.kubernetes.io/managed-by": "eco2-operator",
            "tier": "business-logic",
            "role": "api",
            "domain": "scan",
        }, kind
        assert not child["metadata"].get("finalizers"), kind


def test_the_status_tells_what_there_is(domain: Domain) -> None:
    status = domain.status
    assert (status["replicas"], status["readyReplicas"], status["image"]) == (2, 2, IMAGE)
    assert status["url"] == f"http://scan.{domain.namespace}.svc.cluster.local"
    assert status["nodePort"] == domain.child(SERVICE)["spec"]["ports"][0]["nodePort"]
    inventory = {(item["kind"], item["name"], item["namespace"]): item["uid"] for item in status["inventory"]}
    assert inventory == {(kind.name, "scan", domain.namespace): uid for kind, uid in domain.uids().items()}


def test_the_conditions_follow_kstatus_and_are_those_of_the_contract(domain: Domain) -> None:
    generation = domain.live["metadata"]["generation"]
    conditions = {c["type"]: c for c in domain.status["conditions"]}
    assert {kind: c["status"] for kind, c in conditions.items()} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
        "ChildrenApplied": "True",
        "SecretsReady": "True",
        "MigrationComplete": "True",
        "WorkloadAvailable": "True",
        "AccessAccepted": "True",
        "ImageMutable": "False",
    }
    for condition in conditions.values():
        assert condition["observedGeneration"] == generation
        assert condition["reason"].isalpha()
        assert condition["message"]
        assert condition["lastTransitionTime"].endswith("Z")


def test_becoming_ready_is_one_event(domain: Domain) -> None:
    eventually(lambda: domain.events() == [("Normal", "Ready")])
    stays(lambda: domain.events() == [("Normal", "Ready")])


def test_once_ready_nothing_more_is_written(domain: Domain, audit: AuditTrail) -> None:
    eventually(domain.events)
    version, uids = domain.live["metadata"]["resourceVersion"], domain.uids()
    audit.becomes_quiet(namespace=domain.namespace, for_=3)
    assert domain.live["metadata"]["resourceVersion"] == version
    assert domain.uids() == uids


def test_a_moving_tag_is_a_warning_not_a_failure(new_domain: NewDomain) -> None:
    domain = new_domain(image="docker.io/mng990/eco2:scan-dev-latest").becomes_ready()
    assert "digest" in domain.says("ImageMutable", "True", "MovingTag")


def test_a_worker_has_no_service(new_domain: NewDomain) -> None:
    domain = new_domain(workload="worker", port=None).becomes_ready()
    assert set(domain.children()) == STANDARD - {SERVICE}
    assert "url" not in domain.status
    assert "nodePort" not in domain.status


def test_two_domains_of_one_namespace_do_not_touch_each_other(new_domain: NewDomain) -> None:
    first, second = new_domain("scan"), new_domain("chat")
    first.becomes_ready()
    second.becomes_ready()
    before = first.uids()
    second.delete()
    eventually(lambda: not second.children())
    stays(lambda: first.uids() == before and first.is_ready())


@pytest.mark.parametrize("kind", [SERVICE_ACCOUNT, DEPLOYMENT], ids=lambda kind: kind.name)
def test_the_operator_applies_under_its_own_name_and_owns_no_more_than_it_wants(domain: Domain, kind: Kind) -> None:
    managers = {
        (entry["manager"], entry["operation"])
        for entry in domain.child(kind)["metadata"]["managedFields"]
        if not entry.get("subresource")
    }
    assert ("eco2-operator", "Apply") in managers
    assert managers <= {("eco2-operator", "Apply"), ("kube-controller-manager", "Update")}
