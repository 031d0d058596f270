"""Many changes in a moment: the last one wins, and they are not worked off one by one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.audit import AuditTrail
from support.domains import Domain
from support.waits import eventually, stays

from eco2_operator.kinds import SERVICE_ACCOUNT

pytestmark = pytest.mark.cluster

EDITS = 200


def note(domain: Domain) -> str | None:
    found: str | None = domain.child(SERVICE_ACCOUNT)["metadata"].get("annotations", {}).get("example.com/edit")
    return found


def edit(domain: Domain, number: int) -> None:
    domain.patch(serviceAccount={"annotations": {"example.com/edit": str(number)}})


def test_two_hundred_edits_in_a_row(domain: Domain, audit: AuditTrail) -> None:
    for number in range(EDITS):
        edit(domain, number)
    eventually(lambda: note(domain) == str(EDITS - 1))
    domain.becomes_ready()
    stays(lambda: note(domain) == str(EDITS - 1))
    applied = [call for call in audit.writes(namespace=domain.namespace) if call.resource == "serviceaccounts"]
    assert len(applied) < EDITS
    audit.becomes_quiet(namespace=domain.namespace)


def test_many_domains_at_once_from_many_hands(new_domain: Callable[..., Domain], audit: AuditTrail) -> None:
    domains = [new_domain(f"d{number}", replicas=1) for number in range(8)]
    with ThreadPoolExecutor(4) as hands:
        for number in range(10):
            list(hands.map(lambda domain, number=number: edit(domain, number), domains))
    for domain in domains:
        eventually(lambda domain=domain: note(domain) == "9")
        domain.becomes_ready()
    audit.becomes_quiet(namespace=domains[0].namespace)
