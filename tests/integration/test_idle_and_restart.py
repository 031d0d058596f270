"""A hundred domains that nobody touches cost nothing, and a restart over them writes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.audit import AuditTrail
from support.domains import STANDARD
from support.operator import Operator
from support.waits import eventually, stays

from eco2_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    ECO_DOMAIN,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    SERVICE_ACCOUNT,
)

pytestmark = pytest.mark.cluster

DOMAINS = 100
WINDOW, LONG_WINDOW = 15, 60
"""Seconds without a request."""


def spec(number: int) -> dict[str, Any]:
    """Mostly without pods, which are other controllers' work, and some with every kind of child."""
    if number % 10 == 0:
        return {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}}
    return {"replicas": 2 if number % 10 == 1 else 0}


@pytest.fixture(scope="module")
def hundred(new_private: Callable[..., Any]) -> Iterator[Any]:
    """A cluster with a hundred Ready domains and an operator that has nothing left to do."""
    private = new_private()
    private.operator.start()
    trail = private.operator.audit()
    namespace = private.namespace("many")
    for number in range(DOMAINS):
        private.domain(namespace, f"d{number}", **spec(number))
    eventually(lambda: len(ready(private)) == DOMAINS, within=180)
    trail.becomes_quiet(for_=8)
    return private


@pytest.fixture
def private(hundred: Any, show_log: Callable[[Operator], None]) -> Any:
    show_log(hundred.operator)
    return hundred


def ready(private: Any) -> list[str]:
    """Names of the domains that are Ready."""
    return [
        domain["metadata"]["name"]
        for domain in private.api.items(ECO_DOMAIN)
        for condition in domain.get("status", {}).get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] == "True"
    ]


def versions(private: Any) -> dict[tuple[str, str], str]:
    """resourceVersion of every domain, and of what only the operator writes."""
    return {
        (kind.name, obj["metadata"]["name"]): obj["metadata"]["resourceVersion"]
        for kind in (ECO_DOMAIN, *(k for k in CHILDREN if k.name not in ("Deployment", "HorizontalPodAutoscaler")))
        for obj in private.api.items(kind, "many", selector="" if kind is ECO_DOMAIN else MANAGED)
    }


MANAGED = "app.kubernetes.io/managed-by=eco2-operator"


def requests(trail: AuditTrail) -> list[str]:
    """Everything asked for, watches aside."""
    return [str(call) for call in trail.calls() if call.verb != "watch"]


def nothing(trail: AuditTrail) -> None:
    assert not requests(trail), requests(trail)[:10]


def test_nothing_is_asked_of_the_api_server_while_nothing_happens(private: Any) -> None:
    trail = private.operator.audit()
    stays(lambda: nothing(trail), for_=WINDOW)


@pytest.mark.slow
def test_nothing_is_asked_in_a_whole_minute_either(private: Any) -> None:
    trail = private.operator.audit()
    stays(lambda: nothing(trail), for_=LONG_WINDOW)


def test_a_restart_writes_nothing_and_leaves_every_status_as_it_was(private: Any) -> None:
    before = versions(private)
    assert private.operator.stop() == 0
    trail = private.operator.audit()
    private.operator.start()
    done = {"kind": "EcoDomain", "result": "ok"}
    eventually(lambda: private.operator.metrics().total("eco2_reconcile_duration_seconds_count", **done) >= DOMAINS)
    trail.stays_quiet(for_=5)
    assert not [str(call) for call in trail.writes()]
    assert versions(private) == before
    assert len(ready(private)) == DOMAINS
    assert private.operator.metrics().total("eco2_writes_total") == 0


def test_after_the_restart_it_still_works(private: Any) -> None:
    private.api.patch(ECO_DOMAIN, "many", "d5", {"spec": {"image": "docker.io/mng990/eco2:info-2.0.0"}})
    eventually(lambda: private.api.read(ECO_DOMAIN, "many", "d5")["status"]["image"].endswith("info-2.0.0"))


def test_killed_in_the_middle_of_work_the_next_one_finishes_it(private: Any) -> None:
    namespace = private.namespace("killed")
    domains = [private.domain(namespace, f"k{number}") for number in range(10)]
    eventually(lambda: domains[0].children())
    private.operator.kill()
    uids = [domain.uids() for domain in domains]
    private.operator.start()
    for domain, before in zip(domains, uids, strict=True):
        domain.becomes_ready()
        assert before.items() <= domain.uids().items(), "a child was made twice"


def test_changes_made_while_it_was_down_are_made_up_for(private: Any) -> None:
    domain = private.domain("many", "offline")
    domain.becomes_ready()
    private.operator.stop()
    before = domain.uids()
    domain.remove(SERVICE)
    domain.remove(NETWORK_POLICY)
    domain.patch(image="docker.io/mng990/eco2:scan-1.0.1", replicas=1)
    private.operator.start()
    eventually(lambda: set(domain.children()) == STANDARD - {POD_DISRUPTION_BUDGET})
    domain.becomes_ready()
    after = domain.uids()
    assert {kind for kind in after if before[kind] == after[kind]} == {SERVICE_ACCOUNT, DEPLOYMENT}
