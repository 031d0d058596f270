"""HTTP 429: the API server asks for silence. It gets silence for as long as it asked, and then everything goes on."""

import time

import pytest
from support.domains import Domain
from support.faults.actions import Status
from support.faults.exchange import EVERYTHING, WRITES, WRITING, Match
from support.faults.rig import Rig
from support.oracles import alive_or_restarted, bursts, gaps, grow, stays_quiet
from support.waits import eventually

from eco2_operator.kinds import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.cluster

IN_FLIGHT = 0.5
"""Seconds within which what was sent before the answer came may still arrive."""


def throttled(rig: Rig, domain: Domain, *, wait: int, seconds: float) -> list[float]:
    """Change a domain while everything is refused; when the bursts of requests came."""
    since = time.monotonic()
    with rig.proxy.fault(EVERYTHING, Status(429, retry_after=wait)):
        domain.patch(replicas=1, env=[{"name": "MODE", "value": "two"}])
        eventually(lambda: time.monotonic() - since > seconds, within=seconds + 10)
    return bursts([each.at for each in rig.proxy.asked(since=since) if each.code == 429], apart=IN_FLIGHT)


def changed(domain: Domain) -> bool:
    return bool(domain.child(DEPLOYMENT)["spec"]["replicas"] == 1)


@pytest.mark.parametrize(
    ("wait", "seconds"), [(3, 7.0), pytest.param(7, 60.0, marks=pytest.mark.slow)], ids=["3s", "7s-for-a-minute"]
)
def test_no_request_before_the_time_is_over(rig: Rig, wait: int, seconds: float) -> None:
    domain = rig.ready("throttled")
    times = throttled(rig, domain, wait=wait, seconds=seconds)
    assert len(times) >= 2, "it was never refused twice"
    assert min(gaps(times)) > wait - IN_FLIGHT, gaps(times)
    eventually(lambda: changed(domain), within=wait + 10)
    rig.settle(domain)
    stays_quiet(rig, domain)
    assert alive_or_restarted(rig) is None


@pytest.mark.slow
def test_without_a_time_the_attempts_become_rarer(rig: Rig) -> None:
    with rig.running_with(ECO2_BACKOFF_SECONDS="0.2", ECO2_BACKOFF_MAX_SECONDS="60"):
        domain = rig.ready("timeless", replicas=0)
        match = Match(WRITES, SERVICE.plural, domain.namespace)
        with rig.proxy.fault(match, Status(429)) as rule:
            domain.remove(SERVICE)
            eventually(lambda: len(rule.hits) >= 5)
            found = gaps([each.at for each in rule.hits])
            assert grow(found), found
        rig.settle(domain)


def test_one_kind_of_object_refused_is_said(rig: Rig) -> None:
    namespace = rig.namespace("said")
    with rig.proxy.fault(Match(WRITES, SERVICE.plural, namespace), Status(429, retry_after=1)):
        domain = rig.create(namespace)
        message = domain.becomes("False", "ApiUnavailable")
        assert f"Service {namespace}/scan" in message
    rig.settle(domain)


def test_at_the_start(rig: Rig) -> None:
    domain = rig.ready("start", replicas=0)
    rig.operator.stop()
    domain.remove(SERVICE)
    since = time.monotonic()
    with rig.proxy.fault(EVERYTHING, Status(429, retry_after=2)) as rule:
        rig.operator.start(wait=False)
        eventually(lambda: rule.hits and time.monotonic() - rule.hits[0].at > 4.5)
        assert rig.operator.http("/readyz")[0] == 503
        assert rig.operator.http("/healthz")[0] == 200
    times = bursts([each.at for each in rig.proxy.asked(since=since) if each.code == 429], apart=IN_FLIGHT)
    assert min(gaps(times)) > 2 - IN_FLIGHT, gaps(times)
    eventually(rig.operator.is_ready)
    eventually(lambda: domain.find(SERVICE))
    rig.settle(domain)


def test_a_pause_for_one_domain_is_a_pause_for_all(rig: Rig) -> None:
    """The server speaks for itself, not for an object: nobody asks it anything meanwhile."""
    wait = 4
    one, other = rig.ready("one", replicas=0), rig.ready("other", replicas=0)
    with rig.proxy.fault(WRITING.of(one.namespace), Status(429, retry_after=wait), limit=1) as rule:
        one.patch(replicas=1)
        eventually(lambda: rule.hits)
        refused = rule.hits[0].at
        eventually(lambda: time.monotonic() > refused + IN_FLIGHT)
        other.patch(replicas=1)
        eventually(lambda: time.monotonic() > refused + wait)
    early = [each for each in rig.proxy.asked(since=refused + IN_FLIGHT) if each.at < refused + wait - IN_FLIGHT]
    assert not early, [str(each) for each in early]
    eventually(lambda: changed(one) and changed(other))
    rig.settle(one, other)
