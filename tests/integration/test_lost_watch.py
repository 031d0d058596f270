"""What happens while the operator is blind is found out afterwards, without any new event on the resource.

The operator is frozen and the API server started again, which cuts its watches; what happens then reaches no socket of
the operator. After a compaction and a second start the API server does not know that history any more: every watch gets
410 Gone, and the lists that follow mention nothing that has gone. The cluster's own controllers recover slowly from
this, so these tests look at the children and at what the operator says of them, not at pods.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support.domains import STANDARD, Domain, manifest
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, NETWORK_POLICY, SERVICE, SERVICE_ACCOUNT, Kind

pytestmark = pytest.mark.cluster

SLOW = 180.0
"""Seconds: after its restart the API server's other clients come back with growing pauses."""
LOST = (SERVICE, NETWORK_POLICY, DEPLOYMENT)


@dataclass(frozen=True)
class Blackout:
    """Domains that something was done to while the operator was blind."""

    private: Any
    children_lost: Domain
    label_stripped: Domain
    replaced: Domain
    deleted: Domain
    uids: dict[str, dict[Kind, str]]


@pytest.fixture(scope="module")
def private(new_private: Callable[..., Any]) -> Any:
    own = new_private()
    own.operator.start()
    for name in ("after-blackout", "after-away", "hanging", "away"):
        own.namespace(name)  # while the cluster's controllers are quick
    return own


@pytest.fixture(scope="module")
def _blackout(private: Any) -> Blackout:
    names = ("children-lost", "label-stripped", "replaced", "deleted")
    lost, stripped, replaced, deleted = (private.domain(private.namespace(name), replicas=2) for name in names)
    domains: list[Domain] = [lost, stripped, replaced, deleted]
    for domain in domains:
        domain.becomes_ready()
    private.operator.audit().becomes_quiet()
    uids = {domain.namespace: domain.uids() for domain in domains}

    private.operator.freeze()
    try:
        private.cluster.restart_component("kube-apiserver")
        for kind in LOST:
            lost.remove(kind)
        stripped.edit(SERVICE, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}})
        for domain in (replaced, deleted):
            domain.delete()
            for kind in STANDARD:
                domain.remove(kind)
        private.api.create(ECO_DOMAIN, manifest(replaced.namespace))
        eventually(lambda: set(lost.children()) == STANDARD - set(LOST))
        eventually(lambda: not replaced.children() and not deleted.children())
        private.cluster.etcd_compact()
        private.cluster.restart_component("kube-apiserver")
    finally:
        private.operator.thaw()
    return Blackout(private, lost, stripped, replaced, deleted, uids)


@pytest.fixture
def blackout(_blackout: Blackout, show_log: Callable[[Operator], None]) -> Blackout:
    show_log(_blackout.private.operator)
    return _blackout


def is_applied(domain: Domain) -> bool:
    """Whether the operator says that every child is as wanted, and means the ones there are."""
    inventory = {item["kind"]: item["uid"] for item in domain.status["inventory"]}
    assert inventory == {kind.name: uid for kind, uid in domain.uids().items()}
    return bool(domain.says("ChildrenApplied", "True")) and set(domain.children()) == STANDARD


def test_children_deleted_unseen_are_made_again(blackout: Blackout) -> None:
    domain = blackout.children_lost
    eventually(lambda: is_applied(domain), within=SLOW)
    before, after = blackout.uids[domain.namespace], domain.uids()
    assert {kind for kind in STANDARD if before[kind] != after[kind]} == set(LOST)
    stays(lambda: domain.uids() == after)


def test_a_label_stripped_unseen_is_put_back(blackout: Blackout) -> None:
    domain = blackout.label_stripped
    label = "app.kubernetes.io/managed-by"
    eventually(lambda: domain.child(SERVICE)["metadata"]["labels"].get(label) == "eco2-operator", within=SLOW)
    assert domain.uids() == blackout.uids[domain.namespace]


def test_a_resource_replaced_unseen_gets_children_of_its_own(blackout: Blackout) -> None:
    domain = blackout.replaced
    eventually(lambda: is_applied(domain), within=SLOW)
    assert not set(blackout.uids[domain.namespace].values()) & set(domain.uids().values())
    owners = {child["metadata"]["ownerReferences"][0]["uid"] for child in domain.children().values()}
    assert owners == {domain.live["metadata"]["uid"]}


def test_a_resource_deleted_unseen_is_forgotten(blackout: Blackout) -> None:
    domain = blackout.deleted
    trail = blackout.private.operator.audit()
    canary(blackout.private, "after-blackout")
    trail.becomes_quiet(namespace=domain.namespace)
    # What it made before it knew has an owner that is gone: the garbage collector takes it away.
    eventually(lambda: not domain.children(), within=SLOW)
    stays(lambda: not domain.children())


def test_it_lives_through_all_of_this(blackout: Blackout) -> None:
    operator = blackout.private.operator
    assert operator.http("/healthz") == (200, "ok")
    assert not [line for line in operator.lines() if "traceback" in line]


def test_a_store_that_hangs_is_waited_for(private: Any, show_log: Callable[[Operator], None]) -> None:
    show_log(private.operator)
    domain: Domain = private.domain("hanging")
    eventually(lambda: is_applied(domain), within=SLOW)
    private.cluster.pause("etcd")
    try:
        stays(lambda: private.operator.http("/healthz") == (200, "ok"), for_=3)
    finally:
        private.cluster.resume("etcd")
    domain.patch(replicas=3)
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 3, within=SLOW)


def test_an_api_server_that_is_away_is_waited_for(private: Any, show_log: Callable[[Operator], None]) -> None:
    show_log(private.operator)
    domain: Domain = private.domain("away")
    eventually(lambda: is_applied(domain), within=SLOW)
    before = domain.uids()
    private.cluster.stop_component("kube-apiserver")
    stays(lambda: private.operator.is_alive() and private.operator.http("/healthz")[0] == 200, for_=3)
    private.cluster.start_component("kube-apiserver")
    domain.patch(replicas=3)
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 3, within=SLOW)
    domain.remove(SERVICE_ACCOUNT)
    eventually(lambda: domain.uids().get(SERVICE_ACCOUNT, before[SERVICE_ACCOUNT]) != before[SERVICE_ACCOUNT])
    assert {k: u for k, u in domain.uids().items() if k is not SERVICE_ACCOUNT}.items() <= before.items()
    canary(private, "after-away")
    assert private.operator.http("/healthz") == (200, "ok")


def canary(private: Any, namespace: str) -> None:
    """A new domain gets its children: the operator not only lives, it works."""
    domain = private.domain(namespace)
    eventually(lambda: is_applied(domain), within=SLOW)
