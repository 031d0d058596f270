"""Killed right after its k-th write, for every k: the next operator finishes the work, and nothing is made twice.

An undisturbed run is the reference: how many writes there are, what is there in the end, how often each child was
created and deleted. The operator is killed while the answer to the write is on its way, so it has not heard of it;
what it had asked for at the same time is never done.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.domains import Domain
from support.faults.exchange import WRITING
from support.faults.rig import Rig
from support.faults.rules import Step
from support.oracles import MADE, History, canary, differences, end_state, stays_quiet, without_hash
from support.waits import eventually

from eco2_operator.kinds import CHILDREN, ECO_DOMAIN

pytestmark = pytest.mark.cluster


NEWER = "docker.io/mng990/eco2:scan-1.0.1"


@dataclass(frozen=True)
class Case:
    """What a domain is created with, and what is changed later."""

    name: str
    spec: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)


CASES = [
    # Every kind of child; the change mends some, adds a port and prunes one.
    Case(
        "autoscaled-then-fixed",
        {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}, "env": [{"name": "MODE", "value": "one"}]},
        {"autoscaling": None, "replicas": 3, "env": [{"name": "MODE", "value": "two"}], "image": NEWER},
    ),
    # A Job before the first pods, and another before those of the new version: neither runs twice.
    Case(
        "migration",
        {"replicas": 1, "migrations": {"command": ["alembic", "upgrade", "head"], "retries": 0}},
        {"image": NEWER},
    ),
    # Pods lose a guard; the number of replicas passes to the autoscaler.
    pytest.param(
        Case(
            "fixed-then-autoscaled",
            {"replicas": 2},
            {"replicas": None, "autoscaling": {"minReplicas": 1, "maxReplicas": 3}},
        ),
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Case("worker", {"workload": "worker", "port": None, "replicas": 2}, {"replicas": 1}),
        marks=pytest.mark.slow,
    ),
]


@dataclass(frozen=True)
class Phase:
    """What one part of an undisturbed run came to."""

    writes: int
    births: Counter[tuple[str, str]]
    deaths: Counter[tuple[str, str]]
    end: dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """An undisturbed run."""

    creating: Phase
    updating: Phase
    deleting: Phase


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def reference(module_rig: Rig, case: Case) -> Reference:
    rig = module_rig
    rig.supervise()
    namespace = rig.namespace("reference")

    def phase(*, end: bool = True) -> Phase:
        births, deaths = history.births(namespace), history.deaths(namespace)
        return Phase(
            len(rig.proxy.asked(WRITING.of(namespace), since=since)), births, deaths, end_state(domain) if end else {}
        )

    since, history = time.monotonic(), History(rig.cluster.audit_log, kinds=MADE)
    domain = rig.create(namespace, **case.spec)
    rig.settle(domain)
    creating = phase()
    since, history = time.monotonic(), History(rig.cluster.audit_log, kinds=MADE)
    domain.patch(**case.change)
    rig.settle(domain)
    updating = phase()
    since, history = time.monotonic(), History(rig.cluster.audit_log, kinds=MADE)
    domain.delete()
    eventually(lambda: is_gone(domain))
    eventually(lambda: rig.silence(namespace) > 1)
    return Reference(creating, updating, phase(end=False))


def kills(rig: Rig, count: int, domains: "list[Domain] | None" = None) -> Iterator[tuple[int, str, Step]]:
    """For every k from 0 to `count`: a namespace, and a step that kills the operator after k writes in it."""
    for k in range(count + 1):
        namespace = rig.namespace(f"k{k}") if domains is None else domains[k].namespace
        step = Step(WRITING.of(namespace), nth=max(k, 1), hook=rig.kill, after=k > 0)
        rig.supervise()
        with rig.proxy.step(step):
            yield k, namespace, step


def killed_or_done(rig: Rig, domain: Domain, step: Step) -> bool:
    """Wait until the operator was killed; False when it had nothing to write so often this time."""

    def over() -> bool:
        return step.done.is_set() or (rig.silence(domain.namespace) > 2 and domain.is_whole())

    eventually(over)
    return step.done.is_set()


def test_while_creating(rig: Rig, case: Case, reference: Reference) -> None:
    history = History(rig.cluster.audit_log, kinds=MADE)
    domains: list[Domain] = []
    for k, namespace, step in kills(rig, reference.creating.writes):
        domains.append(domain := rig.create(namespace, **case.spec))
        reached = killed_or_done(rig, domain, step)
        assert reached or k > len(CHILDREN), f"only {step.count} writes"
        rig.supervise()
        rig.settle(domain, quiet=0)
    rig.settle(*domains)
    stays_quiet(rig, *domains)
    compare(domains, history, reference.creating)


def test_while_updating(rig: Rig, case: Case, reference: Reference) -> None:
    domains = [rig.domain(f"u{k}", **case.spec) for k in range(reference.updating.writes + 1)]
    rig.settle(*domains)
    history = History(rig.cluster.audit_log, kinds=MADE)
    for k, _, step in kills(rig, reference.updating.writes, domains):
        domains[k].patch(**case.change)
        killed_or_done(rig, domains[k], step)
        assert step.done.is_set() or k > 1, f"only {step.count} writes"
        rig.supervise()
        rig.settle(domains[k], quiet=0)
    rig.settle(*domains)
    stays_quiet(rig, *domains)
    compare(domains, history, reference.updating)


def test_while_deleting(rig: Rig, case: Case, reference: Reference) -> None:
    """Also with no write at all: the operator is away when the domain goes."""
    domains = [rig.domain(f"d{k}", **case.spec) for k in range(reference.deleting.writes + 1)]
    rig.settle(*domains)
    for k, _, step in kills(rig, reference.deleting.writes, domains):
        if k == 0:
            rig.kill()
        domains[k].delete()
        eventually(lambda k=k, step=step: step.done.is_set() or is_gone(domains[k]))
        rig.supervise()
    # A domain may go just after the operator has asked for it: a child made then names an owner that is gone, and is
    # collected too.
    eventually(lambda: ended(rig, domains))


def test_deleted_when_half_created(rig: Rig, case: Case, reference: Reference) -> None:
    """The domain goes while the operator is dead: what there is goes too, and the next operator makes nothing more."""
    history = History(rig.cluster.audit_log, kinds=MADE)
    domains: list[Domain] = []
    for k, namespace, step in kills(rig, reference.creating.writes):
        domains.append(domain := rig.create(namespace, **case.spec))
        if not killed_or_done(rig, domain, step):
            rig.kill()
        domain.delete()
        assert k > 0 or not history.births(domain.namespace)
    rig.supervise()
    canary(rig)
    for domain in domains:
        eventually(lambda domain=domain: is_gone(domain))
    stays_quiet(rig, *domains)
    for k, domain in enumerate(domains):
        assert sum(history.births(domain.namespace).values()) <= k, f"k={k}: made although its owner is gone"


def ended(rig: Rig, domains: list[Domain]) -> bool:
    """Nothing is left of the domains, and nothing is written about them any more."""
    assert all(is_gone(domain) for domain in domains)
    stays_quiet(rig, *domains)
    return all(is_gone(domain) for domain in domains)


def is_gone(domain: Domain) -> bool:
    """Neither the resource nor a child is there: no finalizer holds one."""
    assert not [kind.name for kind in domain.children()]
    return domain.api.get(ECO_DOMAIN, domain.namespace, domain.name) is None


def compare(domains: list[Domain], history: History, reference: Phase) -> None:
    """See that every run came to the same end as the undisturbed one, and made and removed each child as often."""
    found: list[str] = []
    for k, domain in enumerate(domains):
        born, died = history.births(domain.namespace), history.deaths(domain.namespace)
        found += [f"k={k}: {each}" for each in differences(end_state(domain), reference.end)]
        found += [f"k={k}: created {each}" for each in unequal(born, reference.births)]
        found += [f"k={k}: deleted {each}" for each in unequal(died, reference.deaths)]
    assert not found, "\n".join(found)


def unequal(found: Counter[tuple[str, str]], wanted: Counter[tuple[str, str]]) -> list[str]:
    """What was made, or removed, more or less often than in the reference run; and what was so twice under one name."""
    mine, theirs = by_kind(found), by_kind(wanted)
    return [
        f"{'/'.join(child)} {mine[child]} times instead of {theirs[child]}"
        for child in sorted({*mine, *theirs})
        if mine[child] != theirs[child]
    ] + [f"{'/'.join(child)} {times} times" for child, times in found.items() if times > max(1, wanted[child])]


def by_kind(counts: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """The same without the hashes in the names."""
    found: Counter[tuple[str, str]] = Counter()
    for (resource, name), times in counts.items():
        found[resource, without_hash(name)] += times
    return found
