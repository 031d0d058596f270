"""The API server, its store or the network is away in the middle of work: it is finished afterwards, without an event.

What happens while nobody works on anything is tested elsewhere (tests/integration/test_lost_watch.py). The cluster's
own controllers recover slowly from this, so these tests look at the children, not at pods.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from support.domains import STANDARD, Domain
from support.faults.actions import Freeze, Reset, Silence
from support.faults.exchange import EVERYTHING, WRITING, watching
from support.faults.rig import Rig
from support.faults.rules import Step
from support.oracles import History, alive_or_restarted, canary, stays_quiet
from support.waits import eventually, stays

from eco2_operator.kinds import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.cluster

SLOW = 120.0
"""Seconds until everybody has come back."""
APISERVER, ETCD = "kube-apiserver", "etcd"


def is_applied(domain: Domain) -> bool:
    return bool(domain.says("ChildrenApplied", "True")) and set(domain.children()) == STANDARD


def made_once() -> Counter[tuple[str, str]]:
    return Counter({(kind.plural, "scan"): 1 for kind in STANDARD})


@pytest.fixture
def in_the_middle(private_rig: Rig) -> Callable[[Callable[[], None]], Iterator[Domain]]:
    """Creates a domain and does something after the second write about it."""

    def run(hook: Callable[[], None]) -> tuple[Domain, History]:
        namespace = private_rig.namespace("middle")
        history = History(private_rig.cluster.audit_log)
        with private_rig.proxy.step(Step(WRITING.of(namespace), nth=2, hook=hook)) as step:
            domain = private_rig.create(namespace)
            assert step.done.wait(60)
        return domain, history

    return run


def test_the_api_server_is_killed_and_started_again(private_rig: Rig, in_the_middle) -> None:
    cluster = private_rig.cluster
    domain, history = in_the_middle(lambda: cluster.stop_component(APISERVER, seconds=0))
    stays(lambda: private_rig.operator.is_alive() and private_rig.operator.http("/healthz") == (200, "ok"), for_=2)
    cluster.start_component(APISERVER)
    eventually(lambda: is_applied(domain), within=SLOW)
    assert history.births(domain.namespace) == made_once()
    assert not history.deaths(domain.namespace)
    alive_or_restarted(private_rig)


def test_the_store_is_stopped_for_twenty_seconds(private_rig: Rig, in_the_middle) -> None:
    cluster = private_rig.cluster
    since = time.monotonic()
    domain, history = in_the_middle(lambda: cluster.stop_component(ETCD))
    stays(lambda: private_rig.operator.is_alive() and private_rig.operator.http("/healthz") == (200, "ok"), for_=20)
    asked = len(private_rig.proxy.asked(WRITING.of(domain.namespace), since=since))
    assert asked < 80, f"{asked} attempts to write in 20 s"
    cluster.start_component(ETCD)
    eventually(lambda: is_applied(domain), within=SLOW)
    assert history.births(domain.namespace) == made_once()
    assert not history.deaths(domain.namespace)
    alive_or_restarted(private_rig)


def test_every_connection_is_reset(private_rig: Rig) -> None:
    domain = private_rig.domain("reset", replicas=2)
    eventually(lambda: is_applied(domain), within=SLOW)
    with private_rig.proxy.fault(EVERYTHING, Reset()) as rule:
        private_rig.proxy.cut()
        domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
        domain.remove(SERVICE)
        stays(lambda: private_rig.operator.is_alive() and private_rig.operator.http("/healthz") == (200, "ok"), for_=4)
        assert rule.hits
        assert len(rule.hits) < 100, f"{len(rule.hits)} requests in 4 s"
    eventually(lambda: domain.find(SERVICE))
    eventually(lambda: template_image(domain).endswith("1.0.1"))
    eventually(lambda: is_applied(domain))
    alive_or_restarted(private_rig)


@pytest.mark.parametrize("seconds", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_nobody_answers_and_nobody_hangs_up(private_rig: Rig, seconds: int) -> None:
    with private_rig.running_with(ECO2_REQUEST_TIMEOUT_SECONDS="2"):
        domain = private_rig.domain("frozen", replicas=2)
        eventually(lambda: is_applied(domain), within=SLOW)
        operator = private_rig.operator
        with (
            private_rig.proxy.fault(EVERYTHING, Freeze()),
            private_rig.proxy.fault(watching(), Silence()),
        ):
            domain.patch(image="docker.io/mng990/eco2:scan-1.0.1")
            domain.remove(SERVICE)
            stays(lambda: operator.is_alive() and operator.http("/healthz") == (200, "ok"), for_=seconds)
            assert not domain.find(SERVICE)
        eventually(lambda: domain.find(SERVICE))
        eventually(lambda: template_image(domain).endswith("1.0.1"))
        eventually(lambda: is_applied(domain))
        alive_or_restarted(private_rig)


def test_after_all_of_this_it_is_quiet(private_rig: Rig) -> None:
    domain = canary(private_rig)
    private_rig.settle(domain)
    stays_quiet(private_rig, domain)


def template_image(domain: Domain) -> str:
    return str(domain.child(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"])
