"""Whatever somebody else does to a child is undone within seconds, whichever kind of child it is."""

from collections.abc import Callable
from typing import Any

import pytest
from support.api import MERGE_PATCH, STRATEGIC_PATCH, Api, Object
from support.domains import Domain, manifest
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.diff import Difference, difference
from eco2_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    ECO_DOMAIN,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)
from eco2_testcluster.embedded import EmbeddedCluster

pytestmark = pytest.mark.cluster

EDITS: dict[Kind, dict[str, Any]] = {
    SERVICE_ACCOUNT: {"automountServiceAccountToken": True},
    NETWORK_POLICY: {"spec": {"ingress": [{}]}},
    SERVICE: {"spec": {"externalTrafficPolicy": "Cluster"}},
    POD_DISRUPTION_BUDGET: {"spec": {"maxUnavailable": "100%"}},
    HORIZONTAL_POD_AUTOSCALER: {"spec": {"maxReplicas": 50}},
    DEPLOYMENT: {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "docker.io/evil:1"}]}}}},
}
each_child = pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def drifting(
    api: Api, shared_operator: Operator, installed: EmbeddedCluster, new_namespace: Callable[[str], str]
) -> Domain:
    """One domain with every kind of child, for all tests of this module: each leaves it as it found it."""
    namespace = new_namespace("drift")
    api.create(ECO_DOMAIN, manifest(namespace, autoscaling={"minReplicas": 2, "maxReplicas": 4}))
    return Domain(api, namespace, "scan").becomes_ready()


@pytest.fixture
def domain(drifting: Domain, operator: Operator) -> Domain:
    return drifting.becomes_ready()


def wanted(child: Object) -> Object:
    """What of a child the operator decides on: everything but what the API server and others fill in."""
    metadata = {name: child["metadata"][name] for name in ("name", "namespace", "labels", "ownerReferences")}
    return {**{k: v for k, v in child.items() if k != "status"}, "metadata": metadata}


def changes(before: Object, after: Object | None) -> list[Difference]:
    assert after is not None, "it is gone"
    return difference(wanted(before), after)


def test_there_is_an_edit_for_every_kind_of_child() -> None:
    assert set(EDITS) == set(CHILDREN)


@each_child
def test_an_edited_child_is_mended_in_place(domain: Domain, operator: Operator, kind: Kind) -> None:
    before, repairs = domain.child(kind), operator.metrics().total("eco2_drift_repairs_total", kind=kind.name)
    content_type = STRATEGIC_PATCH if kind is DEPLOYMENT else MERGE_PATCH
    edited = domain.api.patch(kind, domain.namespace, domain.name, EDITS[kind], content_type=content_type)
    assert changes(before, edited), "the edit changed nothing"
    eventually(lambda: not changes(before, domain.find(kind)))
    assert domain.uids()[kind] == before["metadata"]["uid"]
    domain.becomes_ready()
    stays(lambda: not changes(before, domain.find(kind)))
    assert operator.metrics().total("eco2_drift_repairs_total", kind=kind.name) >= repairs + 1


@each_child
def test_a_deleted_child_is_made_again(domain: Domain, operator: Operator, kind: Kind) -> None:
    before, repairs = domain.child(kind), operator.metrics().total("eco2_drift_repairs_total", kind=kind.name)
    domain.remove(kind)
    uid = eventually(lambda: (found := domain.uids().get(kind)) != before["metadata"]["uid"] and found)
    domain.becomes_ready()
    stays(lambda: domain.uids()[kind] == uid)
    inventory = {item["kind"]: item["uid"] for item in domain.status["inventory"]}
    assert inventory[kind.name] == uid
    assert operator.metrics().total("eco2_drift_repairs_total", kind=kind.name) >= repairs + 1


@each_child
@pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", "tier"])
def test_a_stripped_label_is_put_back(domain: Domain, kind: Kind, label: str) -> None:
    before = domain.child(kind)
    domain.edit(kind, {"metadata": {"labels": {label: None}}})
    eventually(lambda: domain.child(kind)["metadata"]["labels"] == before["metadata"]["labels"])
    assert domain.uids()[kind] == before["metadata"]["uid"]
    domain.becomes_ready()
    stays(lambda: domain.child(kind)["metadata"]["labels"] == before["metadata"]["labels"])


@each_child
def test_a_stripped_owner_reference_is_put_back(domain: Domain, kind: Kind) -> None:
    before = domain.child(kind)
    domain.edit(kind, {"metadata": {"ownerReferences": None}})
    eventually(lambda: domain.child(kind)["metadata"].get("ownerReferences") == before["metadata"]["ownerReferences"])
    assert domain.uids()[kind] == before["metadata"]["uid"]
    domain.becomes_ready()


def test_what_was_lost_while_several_children_changed_at_once_is_all_repaired(domain: Domain) -> None:
    before = domain.children()
    for kind in (SERVICE, NETWORK_POLICY, POD_DISRUPTION_BUDGET, DEPLOYMENT):
        domain.remove(kind)
    domain.edit(SERVICE_ACCOUNT, EDITS[SERVICE_ACCOUNT])
    domain.edit(HORIZONTAL_POD_AUTOSCALER, EDITS[HORIZONTAL_POD_AUTOSCALER])
    eventually(lambda: set(domain.children()) == set(before) and domain.is_ready())
    eventually(lambda: not changes(before[SERVICE_ACCOUNT], domain.child(SERVICE_ACCOUNT)))
    eventually(lambda: not changes(before[HORIZONTAL_POD_AUTOSCALER], domain.child(HORIZONTAL_POD_AUTOSCALER)))
