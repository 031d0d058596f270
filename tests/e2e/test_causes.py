"""What is wrong with a domain stands in `kubectl get ecodomain -o wide`, within 15 s of the `kubectl apply`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import pytest
from support.api import Object
from support.domains import manifest
from support.e2e.world import QUICK, World
from support.waits import eventually, stays

from eco2_operator.kinds import EVENT, POD

pytestmark = pytest.mark.e2e

LIMIT = 15.0
"""Seconds."""
RESTART = 12.0
"""Seconds after which a crashed container is surely started again once: the kubelet waits 10 s."""
MISSING = "docker.io/mng990/eco2:no-such-image"
SECRET = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}]


@dataclass(frozen=True)
class Case:
    """Something wrong, and what is to be read of it."""

    spec: dict[str, Any]
    reasons: tuple[str, ...]
    words: tuple[str, ...]
    known: Callable[[World, str], object]
    """Whether Kubernetes itself knows by now."""
    lasts: float = 2.0
    """Seconds for which it is looked at whether it stays so."""


def waits(*reasons: str) -> Callable[[World, str], bool]:
    """A container waits for such a reason."""
    return lambda world, place: any(
        state(one).get("waiting", {}).get("reason") in reasons for one in pods(world, place)
    )


def ended(reason: str) -> Callable[[World, str], bool]:
    """A container has ended for that reason."""
    return lambda world, place: any(
        part.get("terminated", {}).get("reason") == reason
        for one in pods(world, place)
        for part in (state(one), state(one, "lastState"))
    )


def told(words: str) -> Callable[[World, str], bool]:
    """There is an Event with such words."""
    return lambda world, place: any(words in event["message"] for event in world.api.items(EVENT, place))


def pods(world: World, place: str) -> list[Object]:
    return world.api.items(POD, place)


def state(pod: Object, which: str = "state") -> dict[str, Any]:
    statuses = pod["status"].get("containerStatuses") or [{}]
    found: dict[str, Any] = statuses[0].get(which, {})
    return found


CASES = {
    "wrong-image": Case(
        {"image": MISSING}, ("ErrImagePull", "ImagePullBackOff"), (MISSING,), waits("ErrImagePull", "ImagePullBackOff")
    ),
    "crash": Case(
        {"args": ["crash"]},
        ("CrashLoopBackOff",),
        ("exits with code 3", "fatal: stand-in was told to crash"),
        waits("CrashLoopBackOff"),
        lasts=RESTART,
    ),
    "oom": Case(
        {"args": ["eat-memory"], "resources": {"limits": {"memory": "48Mi"}}},
        ("OOMKilled",),
        ("raise resources.limits.memory",),
        ended("OOMKilled"),
        lasts=RESTART,
    ),
    "readiness-probe": Case(
        {"args": ["serve", "--never-ready"]},
        ("Unhealthy",),
        ("Readiness probe failed", "503"),
        told("Readiness probe failed"),
    ),
    "startup-probe": Case(
        {"args": ["serve", "--slow-start", "3600"]},
        ("Unhealthy",),
        ("Startup probe failed", "connection refused"),
        told("Startup probe failed"),
    ),
    "missing-secret": Case(
        {"env": SECRET}, ("SecretMissing",), ("Secret database", "create it"), lambda world, place: True
    ),
}


def row(world: World, place: str) -> dict[str, str]:
    """What kubectl prints of the domain, by its headings."""
    head, line = world.kubectl.run("get", "ecodomain", "shop", "-n", place, "-o", "wide").splitlines()
    starts = [head.index(name) for name in head.split()]
    return {head[a:b].strip(): line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)}


def shows(world: World, place: str, case: Case) -> dict[str, str]:
    """The row, once it has the cause."""
    found = row(world, place)
    assert found["READY"] == "False"
    assert found["REASON"] in case.reasons, found
    assert all(words in found["MESSAGE"] for words in case.words), found
    return found


def is_told(world: World, place: str, case: Case) -> bool:
    """Whether the row still has the cause, or what it leads to: of a later death for want of memory the container
    runtime does not always say what it was for."""
    found = row(world, place)
    return found["READY"] == "False" and found["REASON"] in (*case.reasons, "CrashLoopBackOff")


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_shown_in_time(world: World, tell: Callable[[str], None], name: str) -> None:
    case, place = CASES[name], world.namespace(f"e2e-cause-{name}")
    obj = manifest(place, "shop", **{**QUICK, "replicas": 1, **case.spec})
    began, known = monotonic(), 0.0
    world.kubectl.run("apply", "-f", "-", stdin=json.dumps(obj))

    def shown() -> dict[str, str]:
        nonlocal known
        if not known and case.known(world, place):
            known = monotonic() - began
        return shows(world, place, case)

    found = eventually(shown, within=4 * LIMIT)
    took = monotonic() - began
    tell(f"{took:.1f} s after kubectl apply ({since(known, took)}): {found['REASON']}: {found['MESSAGE']}")
    assert took < LIMIT
    stays(lambda: is_told(world, place, case), for_=case.lasts)


def since(known: float, took: float) -> str:
    return f"Kubernetes knew after {known or took:.1f} s"
