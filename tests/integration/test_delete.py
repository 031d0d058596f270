"""A deleted EcoDomain takes its children with it, by garbage collection and without a finalizer."""

from collections.abc import Callable

import pytest
from support.api import NAMESPACE, Api
from support.audit import AuditTrail
from support.domains import STANDARD, Domain, manifest
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import ECO_DOMAIN, SERVICE

pytestmark = pytest.mark.cluster

NewDomain = Callable[..., Domain]


def test_it_goes_at_once_and_its_children_follow(domain: Domain, api: Api, audit: AuditTrail) -> None:
    assert not domain.live["metadata"].get("finalizers")
    eventually(domain.events)
    audit.restart()
    domain.delete()
    assert api.get(ECO_DOMAIN, domain.namespace, domain.name) is None
    eventually(lambda: not domain.children() and not domain.pods())
    stays(lambda: not domain.children())
    assert not [call for call in audit.writes(namespace=domain.namespace) if call.verb in ("create", "patch")]


def test_a_deletion_in_the_foreground_ends_too(domain: Domain, api: Api) -> None:
    api.delete(ECO_DOMAIN, domain.namespace, domain.name, propagation="Foreground")
    eventually(lambda: api.get(ECO_DOMAIN, domain.namespace, domain.name) is None and not domain.children())
    stays(lambda: not domain.children())


def test_the_same_name_again_makes_new_children(domain: Domain, new_domain: NewDomain) -> None:
    before = domain.uids()
    domain.delete()
    again = new_domain()
    again.becomes_ready()
    uid = again.live["metadata"]["uid"]
    eventually(lambda: set(again.uids()) == STANDARD and not set(again.uids().values()) & set(before.values()))
    assert {child["metadata"]["ownerReferences"][0]["uid"] for child in again.children().values()} == {uid}
    again.becomes_ready()
    stays(again.is_ready)


def test_orphans_are_not_adopted_by_a_new_resource_of_the_same_name(
    domain: Domain, api: Api, new_domain: NewDomain
) -> None:
    before = domain.uids()
    api.delete(ECO_DOMAIN, domain.namespace, domain.name, propagation="Orphan")
    eventually(lambda: all(not child["metadata"].get("ownerReferences") for child in domain.children().values()))
    again = new_domain()
    again.becomes("False", "NameConflict")
    stays(lambda: domain.uids() == before)
    for kind in before:
        again.remove(kind)
    again.becomes_ready()
    assert again.child(SERVICE)["metadata"]["uid"] != before[SERVICE]


def test_a_deleted_namespace_goes_and_leaves_no_retries_behind(
    new_namespace: Callable[[str], str], api: Api, operator: Operator, audit: AuditTrail
) -> None:
    namespace = new_namespace("deleted")
    api.create(ECO_DOMAIN, manifest(namespace))
    domain = Domain(api, namespace, "scan").becomes_ready()
    api.delete(NAMESPACE, "", domain.namespace)
    eventually(lambda: api.get(NAMESPACE, "", domain.namespace) is None)
    audit.becomes_quiet(namespace=domain.namespace, for_=3)
    assert not [line for line in operator.lines() if domain.namespace in str(line) and "traceback" in line]
