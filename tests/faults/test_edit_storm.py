"""Edits faster than they can be worked off: the last one wins, and most of the others cost nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.domains import Domain
from support.faults.actions import Delay
from support.faults.exchange import WRITES, WRITING, Match
from support.faults.rig import Rig
from support.oracles import stays_quiet
from support.waits import eventually

from eco2_operator.kinds import DEPLOYMENT, ECO_DOMAIN

pytestmark = pytest.mark.cluster

EDITS, AUTHORS = 200, 8
"""Made as fast as the API server takes them: within five seconds when nobody else uses the machine."""


def value(domain: Domain) -> str:
    """What the pods of the present template get."""
    container = domain.child(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]
    return next((each["value"] for each in container.get("env", ()) if each["name"] == "EDIT"), "")


def edit(domain: Domain, number: int) -> None:
    domain.patch(env=[{"name": "EDIT", "value": str(number)}])


def reconciles(rig: Rig) -> float:
    return rig.operator.metrics().total("eco2_reconcile_duration_seconds_count", kind="EcoDomain")


def test_two_hundred_edits_in_five_seconds(rig: Rig) -> None:
    domain = rig.ready("storm", replicas=0)
    eventually(lambda: len(rig.api.items(ECO_DOMAIN)) == 1)  # earlier tests' domains end with their namespaces
    before, since = reconciles(rig), time.monotonic()
    # A machine that is busy takes longer for the edits than for a reconcile of each: slow writes keep the proportion.
    with rig.proxy.fault(Match(WRITES, "deployments", domain.namespace), Delay(2)):
        with ThreadPoolExecutor(AUTHORS) as authors:
            list(authors.map(lambda number: edit(domain, number), range(1, EDITS)))
        edit(domain, EDITS)
    eventually(lambda: value(domain) == str(EDITS))
    rig.settle(domain)
    stays_quiet(rig, domain)
    done = reconciles(rig) - before
    written = len(rig.proxy.asked(WRITING.of(domain.namespace), since=since))
    assert done < EDITS / 4, f"{done:g} reconciles, {written} writes"
    assert written < EDITS / 4, f"{done:g} reconciles, {written} writes"
    assert domain.live["status"]["observedGeneration"] == EDITS + 1


@pytest.mark.parametrize("resource", ["deployments", "ecodomains/status"])
def test_an_edit_during_a_slow_reconcile(rig: Rig, resource: str) -> None:
    """The second pass happens by itself, with nothing but the edit to cause it."""
    domain = rig.ready("slow", replicas=0)
    with rig.proxy.fault(Match(WRITES, resource, domain.namespace), Delay(3), limit=1) as rule:
        edit(domain, 1)
        eventually(lambda: rule.hits)
        edit(domain, 2)
        eventually(lambda: value(domain) == "2")
    rig.settle(domain)
    stays_quiet(rig, domain)
    assert value(domain) == "2"


def test_a_slow_write_holds_up_no_other_domain(rig: Rig) -> None:
    slow, quick = rig.ready("slow", replicas=0), rig.ready("quick", replicas=0)
    with rig.proxy.fault(WRITING.of(slow.namespace), Delay(20)) as rule:
        edit(slow, 1)
        eventually(lambda: rule.hits)
        edit(quick, 1)
        eventually(lambda: value(quick) == "1", within=5)
        assert value(slow) == ""
    eventually(lambda: value(slow) == "1")
    rig.settle(slow, quick)


def test_deleted_and_made_again_during_a_slow_reconcile(rig: Rig) -> None:
    """The write that was on its way belongs to the old one; the new one gets children of its own."""
    domain = rig.ready("again", replicas=0)
    uids = domain.uids()
    with rig.proxy.fault(Match(WRITES, "deployments", domain.namespace), Delay(2), limit=1) as rule:
        edit(domain, 1)
        eventually(lambda: rule.hits)
        domain.delete()
        rig.create(domain.namespace, replicas=0, env=[{"name": "EDIT", "value": "2"}])
    eventually(lambda: value(domain) == "2")
    rig.settle(domain)
    assert not {*uids.values()} & {*domain.uids().values()}
