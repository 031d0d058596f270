"""Watches that break, lie, repeat themselves or fall silent: every change is acted upon, none twice.

Each fault meets a watch of our own (Services) and kopf's (EcoDomains), which are different programs. What cannot go on
ends the process, and a supervisor starts it again; what lives on without watching would be the worst of all.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.domains import STANDARD, Domain
from support.faults.actions import Drop, Garble, LineAction, Repeat, Silence, Tell, Truncate, error
from support.faults.exchange import Match, watching
from support.faults.rig import Rig
from support.oracles import History, alive_or_restarted, canary, gaps, grow, stays_quiet
from support.waits import eventually

from eco2_operator.kinds import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.cluster

OURS, KOPFS = "services", "ecodomains"
BOTH = pytest.mark.parametrize("resource", [OURS, KOPFS])


@dataclass(frozen=True)
class Change:
    """Something that only a watch of one resource tells about."""

    domain: Domain
    resource: str
    uid: str

    @classmethod
    def make(cls, domain: Domain, resource: str) -> "Change":
        """Remove the Service, or edit the EcoDomain."""
        uid = domain.child(SERVICE)["metadata"]["uid"]
        if resource == OURS:
            domain.remove(SERVICE)
        else:
            domain.patch(replicas=1)
        return cls(domain, resource, uid)

    def is_answered(self) -> bool:
        """Whether the operator has done something about it."""
        if self.resource == OURS:
            return bool(self.domain.child(SERVICE)["metadata"]["uid"] != self.uid)
        return bool(self.domain.child(DEPLOYMENT)["spec"]["replicas"] == 1)


def lines_of(domain: Domain, resource: str) -> Match:
    return watching(resource, namespace=domain.namespace)


def watched_again(rig: Rig, resource: str, since: float) -> Callable[[], bool]:
    """Whether there is a new watch, or the process has ended."""
    return lambda: (
        not rig.operator.is_alive() or any(watch.exchange.at > since for watch in rig.proxy.watches(watching(resource)))
    )


# -- the history is lost -------------------------------------------------------------------------------------


@BOTH
def test_what_was_missed_before_410_is_found(rig: Rig, resource: str) -> None:
    """The watch has told what came later: going on from there would never tell what was missed."""
    domain, other = rig.ready("gone", replicas=0), rig.ready("later", replicas=0)
    with rig.proxy.fault(lines_of(domain, resource), Drop()) as rule:
        change = Change.make(domain, resource)
        eventually(lambda: rule.hits)
        later = Change.make(other, resource)
        eventually(lambda: answered(later))
        rig.settle(other)
        assert not answered(change)
    assert rig.proxy.tell(watching(resource), error(410), end=True) == 1
    eventually(lambda: answered(change))
    rig.settle(domain)
    assert alive_or_restarted(rig) is None


def answered(change: Change) -> bool:
    try:
        return change.is_answered()
    except AssertionError:  # the Service is not there at the moment
        return False


@BOTH
def test_410_again_and_again_is_not_answered_hot(rig: Rig, resource: str) -> None:
    domain = rig.ready("loop", replicas=0)
    since = time.monotonic()
    with rig.proxy.fault(watching(resource), Tell((error(410),))) as rule:
        rig.proxy.break_watches(watching(resource))
        eventually(lambda: len(rule.hits) >= 3)
        found = gaps([each.at for each in rule.hits])
        # kopf waits the same second each time; our own watches wait longer and longer.
        assert grow(found) if resource == OURS else min(found) > 0.7, found
        change = Change.make(domain, resource)
    eventually(lambda: answered(change))
    eventually(watched_again(rig, resource, since))
    rig.settle(domain)
    assert alive_or_restarted(rig) is None


# -- what is told cannot be understood -----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("code", [500, 403])
def test_an_error_in_the_stream(rig: Rig, resource: str, code: int) -> None:
    domain = rig.ready("error", replicas=0)
    since = time.monotonic()
    assert rig.proxy.tell(watching(resource), error(code), end=True) == 1
    eventually(watched_again(rig, resource, since))
    alive_or_restarted(rig)
    change = Change.make(domain, resource)
    eventually(lambda: answered(change))
    rig.settle(domain)


@BOTH
@pytest.mark.parametrize(
    "fault", [Truncate(), pytest.param(Garble(), marks=pytest.mark.slow)], ids=["and the end", "and more"]
)
def test_half_a_line(rig: Rig, resource: str, fault: LineAction) -> None:
    domain = rig.ready("half", replicas=0)
    since = time.monotonic()
    with rig.proxy.fault(lines_of(domain, resource), fault, limit=1) as rule:
        change = Change.make(domain, resource)
        eventually(lambda: rule.hits)
        eventually(watched_again(rig, resource, since))
        rig.supervise()
        eventually(lambda: answered(change))
    alive_or_restarted(rig)
    rig.settle(domain)


# -- too much ------------------------------------------------------------------------------------------------


def test_every_event_fifty_times(rig: Rig) -> None:
    namespace = rig.namespace("fifty")
    history = History(rig.cluster.audit_log)
    with rig.proxy.fault(watching(namespace=namespace), Repeat(50)) as rule:
        domain = rig.ready_in(namespace, replicas=1)
        assert len({watch.resource for watch in rule.hits}) >= 4
        domain.patch(replicas=2)
        rig.settle(domain)
    stays_quiet(rig, domain)
    assert history.births(namespace) == Counter({(kind.plural, "scan"): 1 for kind in STANDARD})
    assert not history.deaths(namespace)


def test_all_that_was_ever_told_is_told_again(rig: Rig) -> None:
    """Old states of objects, in order, three times: nobody goes back to them."""
    domain = rig.ready("again", replicas=1)
    domain.patch(replicas=2, image="docker.io/mng990/eco2:scan-1.0.1")
    rig.settle(domain)
    before = domain.live["metadata"]["resourceVersion"]
    assert rig.proxy.replay(watching(KOPFS), times=3) >= 6
    assert rig.proxy.replay(watching(DEPLOYMENT.plural), times=3) >= 6
    assert rig.proxy.replay(watching(OURS), times=3) >= 3
    stays_quiet(rig, domain)
    assert domain.live["metadata"]["resourceVersion"] == before
    domain.patch(replicas=1)
    rig.settle(domain)
    assert domain.child(DEPLOYMENT)["spec"]["replicas"] == 1


# -- too little ----------------------------------------------------------------------------------------------


def test_children_of_a_domain_that_is_gone_are_not_made_again(rig: Rig) -> None:
    """Each kind has a watch of its own: here the children's tell of their end, and the domain's never does."""
    domain = rig.ready("unheard", replicas=1)
    history = History(rig.cluster.audit_log)
    with rig.proxy.fault(lines_of(domain, KOPFS), Drop()) as rule:
        domain.delete()
        eventually(lambda: rule.hits and not domain.children())
        eventually(lambda: rig.silence(domain.namespace) > 1)
        stays_quiet(rig, domain, for_=3)
        assert not history.births(domain.namespace)
    assert alive_or_restarted(rig) is None
    canary(rig)


def test_events_that_never_came_are_made_up_for_by_the_resync(rig: Rig) -> None:
    """The spec went there and back again, a child went: the watches told neither."""
    with rig.running_with(ECO2_RESYNC_SECONDS="4"):
        domain = rig.ready("never", replicas=0)
        before = domain.child(DEPLOYMENT)["metadata"]["generation"]
        uids = domain.uids()
        with rig.proxy.fault(watching(namespace=domain.namespace), Drop()) as rule:
            domain.patch(replicas=1)
            domain.patch(replicas=0)
            domain.remove(SERVICE)
            eventually(lambda: {OURS, KOPFS} <= {each.resource for each in rule.hits})
            eventually(lambda: domain.find(SERVICE), within=30)
        assert domain.child(DEPLOYMENT)["metadata"]["generation"] == before
        changed = {kind for kind, uid in domain.uids().items() if uids[kind] != uid}
        assert changed == {SERVICE}
        eventually(lambda: domain.is_whole())
        assert rig.operator.http("/healthz") == (200, "ok")


@pytest.mark.slow
@BOTH
def test_a_silent_watch_is_given_up(rig: Rig, resource: str) -> None:
    """Half open: the connection stands, nothing comes, not even bookmarks. Nothing that happens meanwhile is lost."""
    domain = rig.ready("silent", replicas=0)
    since = time.monotonic()
    with rig.proxy.fault(watching(resource), Silence()) as rule:
        change = Change.make(domain, resource)
        eventually(lambda: rule.hits)
        eventually(lambda: rig.proxy.asked(watching(resource), since=since), within=100)
        rule.limit = len(rule.hits)  # the next connection is well, the silent one is left to itself
        rig.proxy.break_watches(watching(resource))
        eventually(lambda: answered(change))
    eventually(watched_again(rig, resource, since))
    rig.settle(domain)
    canary(rig)


# -- how it asks ---------------------------------------------------------------------------------------------


def test_no_list_may_be_answered_from_an_old_state(rig: Rig) -> None:
    """A resourceVersion in a list, 0 above all, allows an answer older than what the operator has seen and written."""
    rig.operator.stop()
    since = time.monotonic()
    rig.start()
    lists = rig.proxy.asked(Match(frozenset({"list"})), since=since)
    assert {OURS, KOPFS} <= {each.resource for each in lists}
    assert not [str(each) for each in lists if "resourceVersion" in each.query]
