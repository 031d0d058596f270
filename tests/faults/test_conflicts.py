"""HTTP 409: somebody else was faster. The operator reads again and tries again, ever more slowly, and says so."""

from collections import Counter

import pytest
from support.domains import AUTOSCALED, STANDARD
from support.faults.actions import Status
from support.faults.exchange import WRITES, WRITING, Match
from support.faults.rig import Rig
from support.oracles import History, gaps, grow, stays_quiet
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, SERVICE

pytestmark = pytest.mark.cluster

CONFLICT = Status(409)
SERVICES = Match(WRITES, "services")


def test_on_every_second_write(rig: Rig) -> None:
    namespace = rig.namespace("second")
    history = History(rig.cluster.audit_log)
    with rig.proxy.fault(WRITING.of(namespace), CONFLICT, every=2) as rule:
        domain = rig.create(namespace, autoscaling={"minReplicas": 2, "maxReplicas": 3})
        rig.settle(domain)
        assert len(rule.hits) >= 3
        domain.patch(autoscaling=None, replicas=1, image="docker.io/mng990/eco2:scan-1.0.1")
        rig.settle(domain)
    stays_quiet(rig, domain)
    assert history.births(namespace) == Counter({(kind.plural, "scan"): 1 for kind in AUTOSCALED})
    pruned = {kind for kind in AUTOSCALED if kind not in domain.children()}
    assert history.deaths(namespace) == Counter({(kind.plural, "scan"): 1 for kind in pruned})
    assert len(rig.proxy.asked(WRITING.of(namespace))) < 60


def test_for_ever_on_one_child_the_others_are_made(rig: Rig) -> None:
    namespace = rig.namespace("one")
    with rig.proxy.fault(SERVICES.of(namespace), CONFLICT):
        domain = rig.create(namespace)
        message = domain.becomes("False", "Conflict")
        assert f"Service {namespace}/scan" in message
        eventually(lambda: set(domain.children()) == STANDARD - {SERVICE})
        eventually(lambda: domain.says("WorkloadAvailable", "True"))
        # It says it once, however often it tries.
        tries, said = SERVICES.of(namespace), Match(WRITES, "ecodomains/status", namespace)
        eventually(lambda: rig.silence(namespace, said) > 2)
        before, told = len(rig.proxy.asked(tries)), len(rig.proxy.asked(said))
        eventually(lambda: len(rig.proxy.asked(tries)) >= before + 3)
        assert len(rig.proxy.asked(said)) == told
    rig.settle(domain)
    stays_quiet(rig, domain)


def test_the_attempts_become_rarer(rig: Rig) -> None:
    with rig.running_with(ECO2_BACKOFF_SECONDS="0.2", ECO2_BACKOFF_MAX_SECONDS="60"):
        domain = rig.ready("rarer", replicas=0)
        tries = SERVICES.of(domain.namespace)
        before = len(rig.proxy.asked(tries))
        with rig.proxy.fault(tries, CONFLICT):
            domain.remove(SERVICE)
            eventually(lambda: len(rig.proxy.asked(tries)) >= before + 5)
            times = [each.at for each in rig.proxy.asked(tries)[before:]]
            assert grow(gaps(times)), gaps(times)
        rig.settle(domain)


def test_when_a_child_is_pruned(rig: Rig) -> None:
    domain = rig.ready("pruned", autoscaling={"minReplicas": 2, "maxReplicas": 3})
    history = History(rig.cluster.audit_log)
    match = Match(frozenset({"delete"}), HORIZONTAL_POD_AUTOSCALER.plural, domain.namespace)
    with rig.proxy.fault(match, CONFLICT, first=2) as rule:
        domain.patch(autoscaling=None, replicas=2)
        eventually(lambda: not domain.find(HORIZONTAL_POD_AUTOSCALER))
        assert len(rule.hits) == 2
    rig.settle(domain)
    assert history.deaths(domain.namespace) == Counter({(HORIZONTAL_POD_AUTOSCALER.plural, "scan"): 1})


def test_on_the_status(rig: Rig) -> None:
    namespace = rig.namespace("status")
    with rig.proxy.fault(Match(WRITES, "ecodomains/status", namespace), CONFLICT) as rule:
        domain = rig.create(namespace)
        eventually(lambda: len(rule.hits) >= 3)
        assert set(domain.children()) == STANDARD
        generation = domain.child(DEPLOYMENT)["metadata"]["generation"]
        stays(lambda: domain.child(DEPLOYMENT)["metadata"]["generation"] == generation)
    rig.settle(domain)


def test_a_write_that_fails_is_no_new_fight(rig: Rig) -> None:
    """Somebody took a field once. The operator takes it back with its second write, which fails for some time."""
    domain = rig.ready("fight", replicas=0)
    seconds = domain.child(DEPLOYMENT)["spec"]["progressDeadlineSeconds"]
    with rig.proxy.fault(Match(WRITES, DEPLOYMENT.plural, domain.namespace), Status(500), every=2) as rule:
        domain.edit(DEPLOYMENT, {"spec": {"progressDeadlineSeconds": seconds + 7}})
        eventually(lambda: len(rule.hits) >= 3)
        assert domain.child(DEPLOYMENT)["spec"]["progressDeadlineSeconds"] == seconds + 7
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["progressDeadlineSeconds"] == seconds, within=20)
    rig.settle(domain)
