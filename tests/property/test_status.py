"""Laws of the status, over random outcomes, Deployments and pods."""

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.eco2_operator.fakes import KEY, NAMESPACE, Clock, FakeApi, eco_domain

from eco2_operator.build.access import SEVERITY, Refusal
from eco2_operator.cache import Cache
from eco2_operator.errors import (
    Conflict,
    FieldConflict,
    Forbidden,
    InvalidSpec,
    KindMissing,
    NameConflict,
    Rejected,
    Unavailable,
)
from eco2_operator.kinds import CHILDREN
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse
from eco2_operator.model.status import EcoDomainStatus
from eco2_operator.naming import Ref
from eco2_operator.outcomes import Outcome
from eco2_operator.reconcile.domain import DomainReconciler
from eco2_operator.settings import Settings
from eco2_operator.status.domain import Observation, of_domain, of_error, of_suspended

EXAMPLES = settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW, LATER = "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z"

REFS = [Ref(kind.group, kind.name, NAMESPACE, "scan") for kind in CHILDREN]
MESSAGES = st.text(max_size=30) | st.just("x" * 5000)
ERRORS = st.builds(
    lambda error, message: error(message),
    st.sampled_from([NameConflict, FieldConflict, Rejected, Forbidden, KindMissing, Conflict, Unavailable]),
    MESSAGES,
)
UIDS = st.sampled_from(["", "u1", "u2"])


def _outcomes(ref: Ref) -> st.SearchStrategy[Outcome]:
    done = st.builds(Outcome, st.just(ref), st.sampled_from(["created", "updated", "deleted"]), st.just("u1"))
    seen = st.builds(Outcome, st.just(ref), st.just("unchanged"), UIDS)
    failed = st.builds(Outcome, st.just(ref), st.just("failed"), UIDS, ERRORS)
    return st.one_of(done, seen, failed)


OUTCOMES = st.lists(st.sampled_from(REFS), unique=True).flatmap(lambda refs: st.tuples(*map(_outcomes, refs)))
NUMBERS = st.integers(0, 4)
DEPLOYMENTS = st.none() | st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({}, optional={"generation": NUMBERS}),
        "spec": st.fixed_dictionaries({}, optional={"replicas": NUMBERS, "progressDeadlineSeconds": NUMBERS}),
    },
    optional={
        "status": st.fixed_dictionaries(
            {},
            optional={
                **dict.fromkeys(
                    ("observedGeneration", "replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), NUMBERS
                ),
                "conditions": st.just([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]),
            },
        )
    },
)
TEMPLATES = st.sampled_from(["old", "new"])
REPLICA_SETS = st.lists(
    st.builds(
        lambda template, revision, failed: {
            "metadata": {
                "labels": {"pod-template-hash": template},
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            },
            "status": {"conditions": [{"type": "ReplicaFailure", "status": "True"}] if failed else []},
        },
        TEMPLATES,
        NUMBERS,
        st.booleans(),
    ),
    max_size=3,
)
STATES = st.sampled_from(
    [
        {},
        {"state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}},
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"reason": "OOMKilled"}}},
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3},
        {"state": {"waiting": {}}},
    ]
)
PODS = st.lists(
    st.builds(
        lambda template, state: {
            "metadata": {"name": f"scan-{template}", "labels": {"pod-template-hash": template}},
            "status": {"containerStatuses": [{"name": "app", **state}]},
        },
        TEMPLATES,
        STATES,
    ),
    max_size=4,
)
OBSERVATIONS = st.builds(
    Observation,
    outcomes=OUTCOMES,
    refused=st.lists(st.builds(Refusal, st.sampled_from(SEVERITY), MESSAGES), max_size=2),
    deployment=DEPLOYMENTS,
    replica_sets=REPLICA_SETS,
    pods=PODS,
    node_ports=st.dictionaries(st.sampled_from(["http", "grpc"]), st.integers(30000, 32767)),
)
SPECS = st.fixed_dictionaries(
    {"image": st.sampled_from(["eco2:scan-1.0.6", "eco2:latest"])},
    optional={
        "replicas": NUMBERS,
        "workload": st.just("worker"),
        "tier": st.sampled_from(["business-logic", "data"]),
        "access": st.sampled_from(
            [{}, {"ingress": []}, {"enforcement": "shadow"}, {"outbound": [{"data": "redis"}, {"external": "https"}]}]
        ),
    },
)


def domain(spec: dict[str, Any]) -> dict[str, Any]:
    """An EcoDomain; a worker has no port."""
    made = eco_domain(**spec)
    if spec.get("workload") == "worker":
        del made["spec"]["port"]
    return made


def status(spec: dict[str, Any], seen: Observation, previous: Any, now: str = NOW) -> dict[str, Any]:
    return of_domain(parse(domain(spec), EcoDomainSpec), seen, previous=previous, now=now)


def truths(of: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["status"] for c in of["conditions"]}


def times(of: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["lastTransitionTime"] for c in of["conditions"]}


@EXAMPLES
@given(SPECS, OBSERVATIONS, OBSERVATIONS)
def test_the_status_is_a_fixpoint(spec: dict[str, Any], before: Observation, seen: Observation) -> None:
    first = status(spec, seen, status(spec, before, {}))
    assert status(spec, seen, first, LATER) == first
    stored = json.loads(json.dumps(first))  # as the cache gives it back
    assert status(spec, seen, stored, LATER) == stored


@EXAMPLES
@given(SPECS, OBSERVATIONS, OBSERVATIONS)
def test_times_move_exactly_when_a_status_flips(spec: dict[str, Any], before: Observation, seen: Observation) -> None:
    old = status(spec, before, {}, NOW)
    new = status(spec, seen, old, LATER)
    for kind, truth in truths(new).items():
        assert times(new)[kind] == (NOW if truths(old)[kind] == truth else LATER)


@EXAMPLES
@given(SPECS, OBSERVATIONS)
def test_ready_reconciling_and_stalled_never_contradict_each_other(spec: dict[str, Any], seen: Observation) -> None:
    found = truths(status(spec, seen, {}))
    flags = (found["Ready"], found["Reconciling"], found["Stalled"])
    assert flags in {("True", "False", "False"), ("False", "True", "False"), ("False", "False", "True")}
    parts = ("ChildrenApplied", "WorkloadAvailable", "AccessAccepted")
    assert (found["Ready"] == "True") is all(found[part] != "False" for part in parts)


@EXAMPLES
@given(SPECS, OBSERVATIONS, OBSERVATIONS)
def test_the_status_is_accepted_by_its_schema(spec: dict[str, Any], before: Observation, seen: Observation) -> None:
    found = status(spec, seen, status(spec, before, {}))
    EcoDomainStatus.model_validate(found, by_alias=True, by_name=False)
    assert all(c["reason"].isalnum() for c in found["conditions"])


@EXAMPLES
@given(SPECS, OBSERVATIONS, OBSERVATIONS)
def test_the_inventory_is_what_exists(spec: dict[str, Any], before: Observation, seen: Observation) -> None:
    def entries(of: dict[str, Any]) -> dict[Ref, str]:
        items = {Ref(i["group"], i["kind"], i["namespace"], i["name"]): i["uid"] for i in of["inventory"]}
        assert len(items) == len(of["inventory"])
        return items

    old = status(spec, before, {})
    new = entries(status(spec, seen, old))
    expected = entries(old)
    for outcome in seen.outcomes:
        gone = outcome.action == "deleted" or (outcome.action == "unchanged" and not outcome.uid)
        if gone:
            expected.pop(outcome.ref, None)
        elif outcome.uid:
            expected[outcome.ref] = outcome.uid
    assert new == expected
    assert list(new) == sorted(new)


@EXAMPLES
@given(SPECS, OBSERVATIONS)
def test_suspending_or_breaking_a_resource_loses_nothing_but_its_conditions(
    spec: dict[str, Any], seen: Observation
) -> None:
    before = status(spec, seen, {})
    suspended = of_suspended(generation=1, previous=before, now=NOW)
    broken = of_error(InvalidSpec("spec.port: missing"), generation=1, previous=suspended, now=NOW)
    for after in (suspended, broken):
        assert {k: v for k, v in after.items() if k != "conditions"} == {
            k: v for k, v in before.items() if k != "conditions"
        }


@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SPECS, SPECS, st.sampled_from([{}, {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}}]))
def test_whatever_the_spec_the_second_reconcile_writes_nothing(
    first: dict[str, Any], second: dict[str, Any], scaling: dict[str, Any]
) -> None:
    api, cache = FakeApi(), Cache()
    reconcile = DomainReconciler(
        api, cache, Settings.model_construct().cluster, clock=Clock(), now=lambda: NOW, instance="test"
    )

    async def converge() -> None:
        for spec in (first, {**second, **scaling}):
            cache.put(api.store(domain({**spec, "replicas": None} if "autoscaling" in spec else spec)))
            assert await reconcile(KEY) is None
            api.writes.clear()
            assert await reconcile(KEY) is None
            assert api.writes == []

    asyncio.run(converge())
