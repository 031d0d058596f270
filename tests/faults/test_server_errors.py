"""HTTP 5xx, answers that are none, lost answers: everything is done once the server is well, without a new event."""

import time
from collections import Counter

import pytest
from support.domains import AUTOSCALED, STANDARD
from support.faults.actions import Action, LoseReply, Reset, Status
from support.faults.exchange import READING, WRITES, WRITING, Match, watching
from support.faults.rig import Rig
from support.oracles import History, alive_or_restarted, bursts, gaps, grow, stays_quiet
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, NETWORK_POLICY, SERVICE

pytestmark = pytest.mark.cluster

FAULTS = {
    "500": Status(500),
    "503": Status(503, retry_after=1),
    "504 of a proxy": Status(504, body=b"<html>gateway timeout</html>"),
    "200 that is no object": Status(200, body=b"<html>please log in</html>"),
    "reset": Reset(),
}
WHOLE = {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_on_every_write_for_some_seconds(rig: Rig, fault: Action) -> None:
    namespace = rig.namespace("writes")
    history = History(rig.cluster.audit_log)
    with rig.proxy.fault(WRITING.of(namespace), fault) as rule:
        domain = rig.create(namespace)
        eventually(lambda: len(rule.hits) >= 4)
        eventually(lambda: time.monotonic() - rule.hits[0].at > 2)
        attempts = len(rule.hits)
    assert attempts < 60, "it asks too often"
    rig.settle(domain)
    stays_quiet(rig, domain)
    assert history.births(namespace) == Counter({(kind.plural, "scan"): 1 for kind in STANDARD})


@pytest.mark.slow
def test_on_every_write_for_ninety_seconds(rig: Rig) -> None:
    with rig.running_with(ECO2_BACKOFF_MAX_SECONDS="60"):
        namespace = rig.namespace("ninety")
        with rig.proxy.fault(WRITING.of(namespace), Status(500)) as rule:
            domain = rig.create(namespace)
            eventually(lambda: rule.hits and time.monotonic() - rule.hits[0].at > 90, within=120)
            times = bursts([each.at for each in rule.hits])
            assert grow(gaps(times), cap=60), gaps(times)
            assert len(times) <= 10
        # The longest gap, with its jitter: not one event helps.
        rig.settle(domain, within=60 * 1.25 + 30)
        stays_quiet(rig, domain)


def test_on_one_child_is_said_with_its_name(rig: Rig) -> None:
    namespace = rig.namespace("said")
    with rig.proxy.fault(Match(WRITES, SERVICE.plural, namespace), Status(500)):
        domain = rig.create(namespace)
        message = domain.becomes("False", "ApiUnavailable")
        assert f"Service {namespace}/scan" in message
        assert "HTTP 500" in message
        assert domain.condition("Reconciling")["status"] == "True"
        eventually(lambda: set(domain.children()) == STANDARD - {SERVICE})
    rig.settle(domain)
    assert domain.says("ChildrenApplied", "True", "Applied")


def test_on_a_guard_no_pod_is_started(rig: Rig) -> None:
    namespace = rig.namespace("guard")
    with rig.proxy.fault(Match(WRITES, NETWORK_POLICY.plural, namespace), Status(500)) as rule:
        domain = rig.create(namespace)
        assert f"NetworkPolicy {namespace}/scan" in domain.becomes("False", "ApiUnavailable")
        eventually(lambda: len(rule.hits) >= 3)
        assert not domain.find(DEPLOYMENT)
        assert not domain.pods()
    rig.settle(domain)


def test_on_the_status_it_comes_later(rig: Rig) -> None:
    namespace = rig.namespace("status")
    with rig.proxy.fault(Match(WRITES, "ecodomains/status", namespace), Status(500)) as rule:
        domain = rig.create(namespace)
        eventually(lambda: set(domain.children()) == STANDARD)
        eventually(lambda: len(rule.hits) >= 4)
        assert "status" not in domain.live
    rig.settle(domain)


def test_on_events_nothing_else_suffers(rig: Rig) -> None:
    namespace = rig.namespace("events")
    with rig.proxy.fault(Match(WRITES, "events", namespace), Status(500)) as rule:
        domain = rig.ready_in(namespace)
        assert rule.hits
        asked = len(rule.hits)
        stays_quiet(rig, domain)
        assert len(rule.hits) == asked


def test_every_answer_lost_once_makes_nothing_twice(rig: Rig) -> None:
    namespace = rig.namespace("lost")
    history = History(rig.cluster.audit_log)
    with rig.proxy.fault(WRITING.of(namespace), LoseReply(), first=1) as rule:
        domain = rig.ready_in(namespace, **WHOLE)
        assert {each.resource for each in rule.hits} >= {kind.plural for kind in AUTOSCALED}
        domain.patch(autoscaling=None, replicas=2, image="docker.io/mng990/eco2:scan-1.0.1")
        rig.settle(domain)
        assert [each for each in rule.hits if each.verb == "delete"]
    stays_quiet(rig, domain)
    assert history.births(namespace) == Counter({(kind.plural, "scan"): 1 for kind in AUTOSCALED})
    assert history.deaths(namespace) == Counter({(HORIZONTAL_POD_AUTOSCALER.plural, "scan"): 1})


def test_on_every_list_and_watch(rig: Rig) -> None:
    """The watches break, and cannot be opened again for some seconds; what happens meanwhile is found out."""
    domain = rig.ready("reading", replicas=0)
    with rig.proxy.fault(READING, Status(500)) as rule:
        rig.proxy.break_watches()
        eventually(lambda: {"services", "ecodomains"} <= {each.resource for each in rule.hits})
        domain.remove(SERVICE)
        domain.patch(replicas=1)
        stays(lambda: rig.operator.is_alive() and rig.operator.http("/healthz") == (200, "ok"), for_=4)
        times = [each.at for each in rule.hits if each.resource == "services"]
        assert len(times) < 8, gaps(times)
    eventually(lambda: domain.find(SERVICE))
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 1)
    rig.settle(domain)
    alive_or_restarted(rig)


@pytest.mark.slow
def test_on_every_list_and_watch_for_ninety_seconds(rig: Rig) -> None:
    domain = rig.ready("reading", replicas=0)
    with rig.proxy.fault(READING, Status(503)) as rule:
        rig.proxy.break_watches()
        eventually(lambda: rule.hits)
        domain.remove(SERVICE)
        domain.patch(replicas=1)
        stays(lambda: rig.operator.is_alive() and rig.operator.http("/healthz") == (200, "ok"), for_=90)
        for resource in ("services", "ecodomains"):
            found = gaps([each.at for each in rule.hits if each.resource == resource])
            assert len(found) < 12, found
    eventually(lambda: domain.find(SERVICE), within=45)
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["replicas"] == 1, within=45)
    eventually(lambda: rig.proxy.watches(watching("ecodomains")), within=45)
    rig.settle(domain)
    alive_or_restarted(rig)


def test_at_the_start(rig: Rig) -> None:
    domain = rig.ready("start", replicas=0)
    rig.operator.stop()
    domain.remove(SERVICE)
    with rig.proxy.fault(READING, Status(500)) as rule:
        rig.operator.start(wait=False)
        eventually(lambda: len(rule.hits) >= 5)
        assert rig.operator.is_alive()
        assert rig.operator.http("/readyz")[0] == 503
    eventually(rig.operator.is_ready)
    eventually(lambda: domain.find(SERVICE))
    rig.settle(domain)
