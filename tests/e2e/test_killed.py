"""Pods of the operator and of ext-authz end under load, in order and not: what is lost, and who goes on."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from support.api import Object
from support.domains import Domain
from support.e2e.leadership import holder, is_complete, leader, seconds_until_held
from support.e2e.traffic import Traffic, entrance, traffic
from support.e2e.world import World
from support.waits import eventually

from eco2_operator.kinds import DEPLOYMENT, POD
from eco2_testcluster.installations.charts import NAMESPACE, RELEASE

pytestmark = pytest.mark.e2e

PROTECTED = "/api/v1/scan/tasks"
AUTHZ = "ext-authz"
CLEAN, KILLED = 2.0, 20.0
"""Seconds until another one leads: after a clean stop, after a kill."""
MEASURED = 0.3
"""Seconds by which the looks at the Lease may be late."""


def delete(world: World, *words: str) -> None:
    world.kubectl.run("delete", "pods", "-n", NAMESPACE, "--wait=false", *words)


def follows(domain: Domain, number: int) -> bool:
    """Whether the present operator does what is asked of it: a change of the spec reaches the Deployment."""
    domain.patch(rollout={"progressDeadlineSeconds": 300 + number})
    eventually(lambda: domain.child(DEPLOYMENT)["spec"]["progressDeadlineSeconds"] == 300 + number)
    eventually(domain.is_ready)
    return True


# -- the operator ------------------------------------------------------------------------------------------------


@contextmanager
def kiosk(world: World, name: str) -> Iterator[tuple[Domain, Any]]:
    """A domain, and what makes traffic to it from a pod and from outside."""
    place, callers = world.namespace(name), world.namespace(f"{name}-callers")
    access = {"inbound": [{"domain": "caller", "namespace": callers}]}
    domain = world.domain(place, "kiosk", access=access).becomes_ready()
    calls = {"outbound": [{"domain": "kiosk", "namespace": place}]}
    world.domain(callers, "caller", access=calls).becomes_ready()
    who = (world, callers, world.pod(callers, "caller"), f"kiosk.{place}.svc.cluster.local")
    with entrance(world, domain, f"{name}.e2e.test") as request:
        yield domain, lambda: traffic(who, outside={"gateway": request})


def test_without_any_operator_the_domains_go_on(world: World, tell: Callable[[str], None]) -> None:
    eventually(lambda: is_complete(world))
    with kiosk(world, "e2e-no-operator") as (domain, flows):
        templates = world.templates()
        with flows() as flow:
            before = {pod["metadata"]["name"]: pod for pod in world.pods(NAMESPACE, RELEASE)}
            assert len(before) == 2
            for pod in before.values():
                world.kill(pod)
            delete(world, *before, "--grace-period=0", "--force")
            flow.goes_on()
            eventually(lambda: is_complete(world))
            assert follows(domain, 1)
            flow.goes_on()
        tell(flow.nothing_is_lost())
        after = world.templates()
        mine = f"Deployment {domain.namespace}/kiosk"
        assert after.pop(mine)[0] == templates.pop(mine)[0]  # what was changed
        assert after == templates


def test_after_a_clean_stop_the_other_leads_at_once(world: World, tell: Callable[[str], None]) -> None:
    domain = world.domain(world.namespace("e2e-clean-stop"), "kiosk").becomes_ready()
    eventually(lambda: is_complete(world))
    former, pod = holder(world), leader(world)
    delete(world, pod["metadata"]["name"])
    took, free = seconds_until_held(world, former, within=KILLED)
    tell(f"another one leads {free:.1f} s after the leader gave the Lease back, {took:.1f} s after kubectl delete")
    assert free < CLEAN + MEASURED
    assert not holder(world).startswith(pod["metadata"]["name"])
    assert follows(domain, 2)


def test_after_a_kill_another_one_leads_in_time(world: World, tell: Callable[[str], None]) -> None:
    domain = world.domain(world.namespace("e2e-kill"), "kiosk").becomes_ready()
    eventually(lambda: is_complete(world))
    former, pod = holder(world), leader(world)
    began = monotonic()
    world.kill(pod)
    delete(world, pod["metadata"]["name"], "--grace-period=0", "--force")
    _, free = seconds_until_held(world, former, within=KILLED + 10)
    took = monotonic() - began
    tell(f"another one leads {took:.1f} s after SIGKILL for the leader")
    assert took < KILLED
    assert not free  # it had no time to give it back
    assert follows(domain, 3)


# -- ext-authz ---------------------------------------------------------------------------------------------------


@contextmanager
def guarded(world: World) -> Iterator[Traffic]:
    """Traffic to a path for which ext-authz is asked; with a good token, and without any."""
    eventually(lambda: world.existing(NAMESPACE, AUTHZ).is_ready())
    request = {"port": world.door.port, "path": PROTECTED}
    who = {"with a token": world.request(world.token()), "without": world.request()}
    with traffic(outside={name: {**request, **options} for name, options in who.items()}) as flow:
        yield flow


def authz_pods(world: World) -> list[Object]:
    found = [pod for pod in world.api.items(POD, NAMESPACE) if pod["metadata"]["name"].startswith(f"{AUTHZ}-")]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def is_replaced(world: World, pod: Object) -> bool:
    """Whether a pod is gone altogether and two others are ready."""
    assert pod["metadata"]["uid"] not in {other["metadata"]["uid"] for other in authz_pods(world)}
    return both_serve(world)


def is_back(world: World, pod: Object) -> bool:
    """Whether a pod has been started again and is ready."""
    live = world.api.read(POD, NAMESPACE, pod["metadata"]["name"])["status"]["containerStatuses"][0]
    return bool(live["restartCount"] > pod["status"]["containerStatuses"][0]["restartCount"] and live["ready"])


def both_serve(world: World) -> bool:
    assert world.existing(NAMESPACE, AUTHZ).is_ready()
    return bool(world.api.read(DEPLOYMENT, NAMESPACE, AUTHZ)["status"]["readyReplicas"] == 2)


def by_token(flow: Traffic) -> dict[str, Counter[str]]:
    """Outcomes of those with a token and those without."""
    found: dict[str, Counter[str]] = {"with a token": Counter(), "without": Counter()}
    for who, counted in flow.outcomes().items():
        found[who.partition(",")[0]].update(counted)
    return found


def test_pods_of_ext_authz_end_one_after_the_other_and_nobody_notices(
    world: World, tell: Callable[[str], None]
) -> None:
    with guarded(world) as flow:
        for pod in authz_pods(world):
            delete(world, pod["metadata"]["name"])
            eventually(lambda: is_replaced(world, pod), within=90)  # noqa: B023
            flow.goes_on()
    outcomes = by_token(flow)
    tell(f"{outcomes['with a token'].total()} requests with a token, {outcomes['without'].total()} without: {outcomes}")
    assert set(outcomes["with a token"]) == {"200"}
    assert set(outcomes["without"]) == {"401"}


def test_a_pod_of_ext_authz_that_is_killed_lets_nobody_in_and_is_soon_forgotten(
    world: World, tell: Callable[[str], None]
) -> None:
    with guarded(world) as flow:
        for pod in authz_pods(world):
            flow.goes_on()
            world.kill(pod)
            eventually(lambda: is_back(world, pod), within=90)  # noqa: B023
            eventually(lambda: both_serve(world))
            flow.goes_on()
    outcomes = by_token(flow)
    tell(f"SIGKILL for each of two pods: {outcomes}")
    # What was asked of a process when it died, or before the gateway knew, is refused: nothing is let in unasked.
    assert set(outcomes["with a token"]) <= {"200", "503"}
    assert set(outcomes["without"]) <= {"401", "503"}
    refused = sum(counted["503"] for counted in outcomes.values())
    assert refused < sum(counted.total() for counted in outcomes.values()) / 10
    # With both pods back nobody is refused any more.
    last = [
        reply.status for crowd in flow.outside.values() for visitor in crowd.visitors for reply in visitor.replies[-5:]
    ]
    assert set(last) == {200, 401}
