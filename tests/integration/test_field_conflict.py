"""A field that another manager takes again and again is left to it, and both are named; the rest is looked after."""

import pytest
from support.api import Object
from support.audit import AuditTrail
from support.domains import Domain
from support.waits import eventually, stays

from eco2_operator.kinds import SERVICE

pytestmark = pytest.mark.cluster


def policy(domain: Domain) -> str:
    return str(domain.child(SERVICE)["spec"]["externalTrafficPolicy"])


def take(domain: Domain, value: str = "Cluster") -> Object:
    """Another controller applies its opinion by force."""
    spec = {"externalTrafficPolicy": value}
    metadata = {"name": domain.name, "namespace": domain.namespace}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    return domain.api.apply(SERVICE, service, manager="meddler", force=True)


def test_taken_back_twice_conceded_the_third_time_and_ended_by_agreement(domain: Domain, audit: AuditTrail) -> None:
    for _ in range(2):
        take(domain)
        eventually(lambda: policy(domain) == "Local")
        domain.becomes_ready()
    take(domain)
    message = domain.becomes("False", "FieldConflict")
    for word in ("Service", "externalTrafficPolicy", "meddler", "eco2-operator"):
        assert word in message

    # No ping-pong: neither the field nor the status is written any more.
    audit.becomes_quiet(namespace=domain.namespace)
    audit.stays_quiet(namespace=domain.namespace, for_=4)
    assert policy(domain) == "Cluster"
    assert "meddler" in domain.becomes("False", "FieldConflict")

    # Other fields of the same object are still ours.
    domain.edit(SERVICE, {"spec": {"selector": {"domain": "another"}}}, manager="somebody")
    eventually(lambda: domain.child(SERVICE)["spec"]["selector"]["domain"] == "scan")
    # And other children are still made.
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
    eventually(lambda: domain.pods()[0]["spec"]["containers"][0]["image"].endswith("1.0.1"))
    assert policy(domain) == "Cluster"

    take(domain, "Local")
    domain.becomes_ready()
    stays(lambda: domain.is_ready() and policy(domain) == "Local")


def test_one_edit_by_hand_is_simply_undone(domain: Domain) -> None:
    domain.edit(SERVICE, {"spec": {"externalTrafficPolicy": "Cluster"}})
    eventually(lambda: policy(domain) == "Local")
    domain.becomes_ready()
    stays(lambda: policy(domain) == "Local")
