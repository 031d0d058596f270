"""What happens while the operator is blind is found out afterwards, without any new event on the resource."""

from collections.abc import Callable
from typing import Any

import pytest
from support.domains import STANDARD, Domain, manifest
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN, NETWORK_POLICY, SERVICE

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def breakable(new_private: Callable[..., Any]) -> Any:
    private = new_private()
    private.operator.start()
    return private


@pytest.fixture
def private(breakable: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(breakable.operator)
    return breakable


def go_blind(private: Any, meanwhile: Callable[[], object]) -> None:
    """The operator is frozen, history is compacted and the API server started again: its watches get 410 Gone."""
    private.operator.freeze()
    try:
        meanwhile()
        private.cluster.etcd_compact()
        private.cluster.restart_component("kube-apiserver")
    finally:
        private.operator.thaw()


def test_a_child_deleted_unseen_is_made_again(private: Any) -> None:
    namespace = private.namespace("unseen")
    domain: Domain = private.domain(namespace).becomes_ready()
    before, version = domain.uids(), domain.live["metadata"]["resourceVersion"]

    def meanwhile() -> None:
        for kind in (SERVICE, NETWORK_POLICY, DEPLOYMENT):
            domain.remove(kind)
        eventually(lambda: set(domain.children()) == STANDARD - {SERVICE, NETWORK_POLICY, DEPLOYMENT})

    go_blind(private, meanwhile)
    assert domain.live["metadata"]["resourceVersion"] == version, "an event on the resource would prove nothing"
    eventually(lambda: set(domain.children()) == STANDARD and domain.is_whole())
    assert not set(before.values()) & {domain.uids()[kind] for kind in (SERVICE, NETWORK_POLICY, DEPLOYMENT)}
    stays(domain.is_ready)


def test_a_label_stripped_unseen_is_put_back(private: Any) -> None:
    namespace = private.namespace("stripped")
    domain: Domain = private.domain(namespace).becomes_ready()
    strip = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
    go_blind(private, lambda: domain.edit(SERVICE, strip))
    eventually(lambda: domain.child(SERVICE)["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "eco2-operator")


def test_a_resource_replaced_unseen_gets_children_of_its_own(private: Any) -> None:
    namespace = private.namespace("replaced")
    domain: Domain = private.domain(namespace).becomes_ready()
    before = domain.uids()

    def meanwhile() -> None:
        domain.delete()
        eventually(lambda: not domain.children())
        private.api.create(ECO_DOMAIN, manifest(namespace))

    go_blind(private, meanwhile)
    eventually(lambda: set(domain.children()) == STANDARD and domain.is_whole())
    assert not set(before.values()) & set(domain.uids().values())


def test_a_resource_deleted_unseen_is_forgotten(private: Any) -> None:
    namespace = private.namespace("forgotten")
    domain: Domain = private.domain(namespace).becomes_ready()
    trail = private.operator.audit()

    def meanwhile() -> None:
        domain.delete()
        eventually(lambda: not domain.children())

    go_blind(private, meanwhile)
    canary(private, "after-forgotten")
    trail.becomes_quiet(namespace=namespace)
    assert not domain.children()


def test_a_change_made_while_the_api_server_was_frozen_is_seen(private: Any) -> None:
    namespace = private.namespace("frozen")
    domain: Domain = private.domain(namespace).becomes_ready()
    private.cluster.pause("etcd")
    private.operator.http("/healthz")
    private.cluster.resume("etcd")
    domain.patch(replicas=3)
    eventually(lambda: len(domain.pods()) == 3 and domain.is_ready())


def test_it_stays_alive_through_all_of_this(private: Any) -> None:
    assert private.operator.is_alive()
    assert private.operator.http("/healthz") == (200, "ok")
    assert not [line for line in private.operator.lines() if "traceback" in line]


def test_an_api_server_that_is_away_for_a_while_is_waited_for(private: Any) -> None:
    namespace = private.namespace("away")
    domain: Domain = private.domain(namespace).becomes_ready()
    before = domain.uids()
    private.cluster.stop_component("kube-apiserver")
    stays(lambda: private.operator.is_alive() and private.operator.http("/healthz")[0] == 200, for_=3)
    private.cluster.start_component("kube-apiserver")
    domain.patch(replicas=3)
    eventually(lambda: len(domain.pods()) == 3 and domain.is_ready(), within=120)
    assert domain.uids() == before
    canary(private, "after-away")
    assert private.operator.http("/healthz") == (200, "ok")


def canary(private: Any, namespace: str) -> None:
    """A new domain becomes Ready: the operator not only lives, it works."""
    private.domain(private.namespace(namespace)).becomes_ready()
