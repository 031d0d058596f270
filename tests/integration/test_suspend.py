"""A suspended EcoDomain is left alone, whatever happens to its children; afterwards everything is made up for."""

from collections.abc import Callable

import pytest
from support.audit import AuditTrail
from support.domains import IMAGE, Domain
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.cluster

OTHER = "docker.io/mng990/eco2:scan-9.9.9"


def image(domain: Domain) -> str:
    found: str = domain.child(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def by_spec(domain: Domain, *, suspend: bool) -> None:
    domain.patch(suspend=suspend)


def by_annotation(domain: Domain, *, suspend: bool) -> None:
    domain.annotate(suspend="true" if suspend else None)


@pytest.mark.parametrize("switch", [by_spec, by_annotation])
def test_nothing_is_touched_while_suspended_and_everything_afterwards(
    domain: Domain, audit: AuditTrail, switch: Callable[..., None]
) -> None:
    uids = domain.uids()
    eventually(domain.events)
    switch(domain, suspend=True)
    assert "remove spec.suspend or the annotation" in domain.becomes("Unknown", "Suspended")
    audit.restart()
    domain.patch(image=OTHER)
    domain.edit(DEPLOYMENT, {"spec": {"replicas": 5}})
    domain.remove(SERVICE)
    eventually(lambda: domain.status["observedGeneration"] == domain.live["metadata"]["generation"])
    stays(lambda: domain.find(SERVICE) is None and image(domain) == IMAGE, for_=2)
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 5
    assert {call.resource for call in audit.writes(namespace=domain.namespace)} <= {"ecodomains/status"}

    switch(domain, suspend=False)
    domain.becomes_ready()
    assert image(domain) == OTHER
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 2
    assert domain.uids()[SERVICE] != uids[SERVICE]
    assert domain.uids()[DEPLOYMENT] == uids[DEPLOYMENT]


def test_created_suspended_it_makes_nothing(new_domain: Callable[..., Domain]) -> None:
    domain = new_domain(suspend=True)
    domain.becomes("Unknown", "Suspended")
    stays(lambda: not domain.children(), for_=2)
    domain.patch(suspend=False)
    domain.becomes_ready()


def test_deleted_while_suspended_it_goes_with_its_children(domain: Domain) -> None:
    domain.patch(suspend=True)
    domain.becomes("Unknown", "Suspended")
    domain.delete()
    eventually(lambda: not domain.children())
