"""The status of an EcoDomain, from outcomes and live objects."""

from typing import Any

import pytest
from tests.unit.eco2_operator.fakes import NAMESPACE, NOW, eco_domain

from eco2_operator.build.access import Refusal
from eco2_operator.errors import (
    ChildError,
    Conflict,
    FieldConflict,
    Forbidden,
    InvalidSpec,
    KindMissing,
    NameConflict,
    NamespaceGone,
    NodePortTaken,
    Rejected,
    Unavailable,
)
from eco2_operator.migrations import Stage
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.model.status import EcoDomainStatus
from eco2_operator.naming import Ref
from eco2_operator.outcomes import Action, Outcome
from eco2_operator.status.domain import Observation, of_domain, of_error, of_suspended

SERVICE = Ref("", "Service", NAMESPACE, "scan")
DEPLOYMENT = Ref("apps", "Deployment", NAMESPACE, "scan")
LATER = "2026-11-22T11:00:00Z"


def parsed(**spec: Any) -> Resource[EcoDomainSpec]:
    return parse(eco_domain(**spec), EcoDomainSpec)


def outcome(ref: Ref = SERVICE, action: Action = "unchanged", uid: str = "u1", error: Any = None) -> Outcome:
    return Outcome(ref, action, uid, error)


def deployment(*, wanted: int = 2, generation: int = 3, observed: int = 3, **status: int) -> dict[str, Any]:
    numbers = {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": wanted, "readyReplicas": wanted}
    return {
        "metadata": {"name": "scan", "generation": generation},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": observed, **numbers, **status},
    }


def crash(template: str = "new") -> dict[str, Any]:
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {
        "metadata": {"name": "scan-new-1", "labels": {"pod-template-hash": template}},
        "status": {"containerStatuses": [{"name": "app", "state": state}]},
    }


NEW_SET = {
    "metadata": {
        "labels": {"pod-template-hash": "new"},
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    }
}


def status(
    *outcomes: Outcome, domain: Resource[EcoDomainSpec] | None = None, previous: Any = None, **seen: Any
) -> dict[str, Any]:
    given = {"deployment": deployment(), **seen}
    observation = Observation(outcomes=outcomes or (outcome(),), **given)
    return of_domain(domain or parsed(), observation, previous=previous or {}, now=NOW)


def condition(of: dict[str, Any], kind: str) -> tuple[str, str, str]:
    found = next(c for c in of["conditions"] if c["type"] == kind)
    return found["status"], found["reason"], found["message"]


def summary(of: dict[str, Any]) -> dict[str, str]:
    return {kind: condition(of, kind)[0] for kind in ("Ready", "Reconciling", "Stalled")}


DONE = {"Ready": "True", "Reconciling": "False", "Stalled": "False"}
UNDER_WAY = {"Ready": "False", "Reconciling": "True", "Stalled": "False"}
STUCK = {"Ready": "False", "Reconciling": "False", "Stalled": "True"}


def test_when_all_is_well_the_status_says_so() -> None:
    found = status(outcome(), outcome(DEPLOYMENT, uid="u2"), node_ports={"http": 30001})
    assert summary(found) == DONE
    assert condition(found, "Ready")[1:] == ("Ready", "2 of 2 pods serve")
    assert condition(found, "ChildrenApplied") == ("True", "Applied", "2 objects are as wanted")
    assert condition(found, "WorkloadAvailable") == ("True", "Available", "2 of 2 pods serve")
    assert condition(found, "AccessAccepted")[0] == "True"
    assert condition(found, "ImageMutable")[0] == "False"
    assert found["observedGeneration"] == 1
    assert (found["replicas"], found["readyReplicas"], found["image"]) == (2, 2, "eco2:scan-1.0.6")
    assert found["url"] == "http://scan.shop.svc.cluster.local"
    assert (found["nodePort"], found["nodePorts"]) == (30001, {"http": 30001})


def test_the_status_follows_its_own_schema() -> None:
    found = status(outcome(error=Forbidden("no")), node_ports={"http": 30001}, refused=[Refusal("TierRefused", "rule")])
    EcoDomainStatus.model_validate(found, by_alias=True, by_name=False)


def test_before_there_is_a_deployment_it_is_under_way() -> None:
    found = status(deployment=None)
    assert summary(found) == UNDER_WAY
    assert condition(found, "Ready")[1] == "NotCreated"
    assert (found["replicas"], found["readyReplicas"]) == (0, 0)


@pytest.mark.parametrize(
    ("live", "message"),
    [
        (deployment(availableReplicas=1), "1 of 2 new pods serve"),
        (deployment(updatedReplicas=1, replicas=3), "1 of 2 new pods serve"),
        (deployment(replicas=3), "2 of 2 new pods serve"),
        (deployment(observed=2), "2 of 2 new pods serve"),
        ({"metadata": {"generation": 1}, "spec": {}, "status": {}}, "0 of 1 new pods serve"),
        ({"metadata": {}, "spec": {}}, "0 of 1 new pods serve"),
    ],
    ids=["not available", "not updated", "old pods left", "not observed", "no numbers", "no status"],
)
def test_a_rollout_is_under_way_until_every_old_pod_is_gone_and_every_new_one_serves(live: Any, message: str) -> None:
    found = status(deployment=live)
    assert summary(found) == UNDER_WAY
    assert condition(found, "WorkloadAvailable") == ("False", "Progressing", message)
    assert condition(found, "Ready")[1:] == ("Progressing", message)


def test_no_replicas_wanted_is_ready() -> None:
    assert summary(status(deployment=deployment(wanted=0))) == DONE


def autoscaler(truth: str, **more: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "ScalingActive", "status": truth, **more}]}}


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (autoscaler("False", reason="FailedGetResourceMetric", message="no metrics API"), "no metrics API"),
        (autoscaler("False", reason="FailedGetResourceMetric"), "FailedGetResourceMetric"),
        (autoscaler("False"), "no reason given"),
    ],
)
def test_an_autoscaler_without_metrics_is_told_but_the_pods_serve(live: Any, why: str) -> None:
    found = status(autoscaler=live)
    assert condition(found, "WorkloadAvailable") == (
        "True",
        "MetricsUnavailable",
        f"2 of 2 pods serve; the autoscaler cannot act: {why}",
    )
    assert summary(found) == DONE


@pytest.mark.parametrize("live", [None, {}, {"status": None}, autoscaler("True"), autoscaler("Unknown")])
def test_an_autoscaler_that_works_or_has_not_begun_is_not_mentioned(live: Any) -> None:
    assert condition(status(autoscaler=live), "WorkloadAvailable")[1] == "Available"


def test_a_cause_stalls_and_tells_that_old_pods_go_on_serving() -> None:
    rolling = deployment(replicas=3, updatedReplicas=1, availableReplicas=2)
    found = status(deployment=rolling, replica_sets=[NEW_SET], pods=[crash()])
    assert summary(found) == STUCK
    assert condition(found, "Ready")[1] == "CrashLoopBackOff"
    assert condition(found, "Stalled")[1] == "CrashLoopBackOff"
    assert condition(found, "WorkloadAvailable")[2].endswith("; 2 older pods go on serving")


def test_without_old_pods_none_are_said_to_serve() -> None:
    broken = deployment(availableReplicas=1)
    found = status(deployment=broken, replica_sets=[NEW_SET], pods=[crash()])
    assert condition(found, "Ready")[1] == "CrashLoopBackOff"
    assert "older pods" not in condition(found, "WorkloadAvailable")[2]
    nothing_serves = deployment(replicas=3, updatedReplicas=1, availableReplicas=0)
    found = status(deployment=nothing_serves, replica_sets=[NEW_SET], pods=[crash()])
    assert "older pods" not in condition(found, "WorkloadAvailable")[2]


def test_a_pod_of_an_old_replica_set_in_trouble_does_not_stall_the_rollout() -> None:
    found = status(deployment=deployment(availableReplicas=1), replica_sets=[NEW_SET], pods=[crash("old")])
    assert summary(found) == UNDER_WAY


FINAL = [NameConflict, FieldConflict, NodePortTaken, Rejected, Forbidden, KindMissing]
WAITING = [Conflict, Unavailable, NamespaceGone]


@pytest.mark.parametrize("error", FINAL)
def test_an_error_somebody_has_to_mend_stalls(error: type[ChildError]) -> None:
    found = status(outcome(), outcome(DEPLOYMENT, "failed", "", error("what, where, what to do")))
    assert summary(found) == STUCK
    assert condition(found, "Ready")[1:] == (error.reason, "what, where, what to do")
    assert condition(found, "ChildrenApplied")[0] == "False"


@pytest.mark.parametrize("error", WAITING)
def test_an_error_that_may_pass_is_under_way(error: type[ChildError]) -> None:
    found = status(outcome(DEPLOYMENT, "failed", "", error("later")))
    assert summary(found) == UNDER_WAY
    assert condition(found, "Ready")[1] == error.reason


def test_all_errors_are_told_and_one_that_is_final_stalls() -> None:
    found = status(
        outcome(SERVICE, "failed", "", Unavailable("first")), outcome(DEPLOYMENT, "failed", "", Rejected("second"))
    )
    assert condition(found, "ChildrenApplied")[1:] == ("ApiUnavailable", "first; second")
    assert summary(found) == STUCK


def test_a_failing_child_comes_before_a_failing_pod() -> None:
    found = status(
        outcome(error=Forbidden("no")),
        deployment=deployment(availableReplicas=0),
        replica_sets=[NEW_SET],
        pods=[crash()],
    )
    assert condition(found, "Ready")[1] == "Forbidden"
    assert condition(found, "WorkloadAvailable")[1] == "CrashLoopBackOff"


NO, UNKNOWN, REFUSED, MISSING, UNMESHED = (
    Refusal("TierRefused", "outbound[3]: no"),
    Refusal("PortsUnknown", "outbound[2]: which port?"),
    Refusal("PeerRefuses", "outbound[1]: not listed"),
    Refusal("PeerMissing", "outbound[0]: not there"),
    Refusal("NotInMesh", "inbound[0]: no paths"),
)


@pytest.mark.parametrize("worst", [NO, UNKNOWN, REFUSED], ids=lambda refusal: refusal.reason)
def test_a_refused_access_rule_stalls_when_all_else_is_well(worst: Refusal) -> None:
    found = status(refused=[UNMESHED, MISSING, worst])
    message = f"{worst.message}; outbound[0]: not there; inbound[0]: no paths"
    assert condition(found, "AccessAccepted") == ("False", worst.reason, message)
    assert summary(found) == STUCK
    assert condition(found, "Ready")[1:] == (worst.reason, message)


def test_the_worst_refusal_gives_the_reason_and_comes_first() -> None:
    found = status(refused=[UNMESHED, MISSING, REFUSED, UNKNOWN, NO])
    reason, message = condition(found, "AccessAccepted")[1:]
    assert reason == "TierRefused"
    assert message.split("; ") == [r.message for r in (NO, UNKNOWN, REFUSED, MISSING, UNMESHED)]


def test_a_peer_that_is_still_to_come_is_no_fault() -> None:
    found = status(refused=[UNMESHED, MISSING])
    message = "outbound[0]: not there; inbound[0]: no paths"
    assert condition(found, "AccessAccepted") == ("Unknown", "PeerMissing", message)
    assert summary(found) == DONE


def test_a_missing_peer_does_not_hide_what_is_wrong() -> None:
    found = status(deployment=None, refused=[MISSING])
    assert condition(found, "Ready")[:2] == ("False", "NotCreated")


def test_paths_that_only_a_mesh_could_enforce_are_told_but_do_no_harm() -> None:
    found = status(refused=[UNMESHED])
    assert condition(found, "AccessAccepted") == ("True", "NotInMesh", "inbound[0]: no paths")
    assert summary(found) == DONE


def test_shadow_blocks_nothing_and_says_what_active_would() -> None:
    access = {
        "enforcement": "shadow",
        "inbound": [{"domain": "chat", "namespace": "talk", "paths": ["/b", "/a"]}, {"domain": "my"}],
        "outbound": [{"data": "redis"}, {"external": "https"}, {"cidr": "10.0.0.0/8", "port": 443}],
    }
    found = status(domain=parsed(access=access), refused=[MISSING, NO])
    assert condition(found, "AccessAccepted") == (
        "True",
        "Shadow",
        "nothing is blocked; outbound[3]: no; outbound[0]: not there; "
        "enforcement: active would refuse every call but these: "
        "callers domain: chat in talk (/a, /b), domain: my in shop; "
        "calls data: redis, external: https, cidr: 10.0.0.0/8, port: 443",
    )
    assert summary(found) == DONE


def test_shadow_without_rules_says_so() -> None:
    found = status(domain=parsed(access={"enforcement": "shadow"}))
    message = "nothing is blocked; enforcement: active would refuse every call but these: callers none; calls none"
    assert condition(found, "AccessAccepted") == ("True", "Shadow", message)


def test_a_moving_tag_is_told_but_does_no_harm() -> None:
    found = status(domain=parsed(image="eco2:latest"))
    assert condition(found, "ImageMutable")[:2] == ("True", "MovingTag")
    assert summary(found) == DONE


def test_a_worker_has_no_address() -> None:
    found = status(domain=parse({**eco_domain(), "spec": {"image": "a:1", "workload": "worker"}}, EcoDomainSpec))
    assert "url" not in found
    assert "nodePort" not in found
    assert "nodePorts" not in found


def test_the_node_port_is_that_of_the_first_port() -> None:
    ports = [{"name": "web", "port": 8000}, {"name": "admin", "port": 9000}]
    domain = parse({**eco_domain(), "spec": {"image": "a:1", "ports": ports}}, EcoDomainSpec)
    found = status(domain=domain, node_ports={"web": 30002, "admin": 30001})
    assert found["nodePort"] == 30002
    assert list(found["nodePorts"]) == ["admin", "web"]
    assert status(domain=domain, node_ports={"admin": 30001})["nodePort"] == 30001


def inventory(of: dict[str, Any]) -> dict[str, str]:
    return {item["kind"]: item["uid"] for item in of["inventory"]}


def item(ref: Ref, uid: str) -> dict[str, str]:
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name, "uid": uid}


def test_the_inventory_lists_what_exists_in_a_stable_order() -> None:
    found = status(outcome(DEPLOYMENT, "created", "u2"), outcome(SERVICE, "updated", "u1"))
    assert found["inventory"] == [item(SERVICE, "u1"), item(DEPLOYMENT, "u2")]


def test_a_child_that_failed_keeps_its_entry_and_one_that_never_was_gets_none() -> None:
    previous = {"inventory": [item(SERVICE, "u1")]}
    failed = [outcome(SERVICE, "failed", "", Forbidden("no")), outcome(DEPLOYMENT, "failed", "", Forbidden("no"))]
    assert inventory(status(*failed, previous=previous)) == {"Service": "u1"}
    known = outcome(SERVICE, "failed", "u9", Forbidden("no"))
    assert inventory(status(known, previous=previous)) == {"Service": "u9"}


def test_what_was_deleted_or_turned_out_to_be_gone_leaves_the_inventory() -> None:
    previous = {"inventory": [item(SERVICE, "u1"), item(DEPLOYMENT, "u2")]}
    gone = [outcome(SERVICE, "deleted", "u1"), outcome(DEPLOYMENT, "unchanged", "")]
    found = status(*gone, previous=previous)
    assert inventory(found) == {}
    assert condition(found, "ChildrenApplied")[2] == "0 objects are as wanted"


def test_what_was_not_touched_stays_in_the_inventory() -> None:
    previous = {"inventory": [item(DEPLOYMENT, "u2")]}
    assert inventory(status(outcome(), previous=previous)) == {"Service": "u1", "Deployment": "u2"}


def test_of_the_status_before_only_what_is_known_is_kept() -> None:
    assert "phase" not in status(previous={"phase": "x"})


PREVIOUS = {"observedGeneration": 1, "inventory": [item(SERVICE, "u1")], "nodePort": 30001, "conditions": []}


def test_an_invalid_spec_stalls_and_leaves_everything_else_as_it_was() -> None:
    found = of_error(InvalidSpec("spec.port: missing"), generation=2, previous=PREVIOUS, now=NOW)
    assert summary(found) == STUCK
    assert condition(found, "Ready")[1:] == ("InvalidSpec", "spec.port: missing")
    assert (found["observedGeneration"], found["inventory"], found["nodePort"]) == (2, PREVIOUS["inventory"], 30001)
    assert of_error(InvalidSpec("spec.port: missing"), generation=2, previous=found, now=LATER) == found


def test_a_suspended_resource_claims_nothing() -> None:
    found = of_suspended(generation=2, previous=PREVIOUS, now=NOW)
    assert summary(found) == {"Ready": "Unknown", "Reconciling": "False", "Stalled": "False"}
    assert found["inventory"] == PREVIOUS["inventory"]
    assert of_suspended(generation=2, previous=found, now=LATER) == found


def test_an_unchanged_world_gives_the_same_status_at_any_time() -> None:
    first = status(node_ports={"http": 30001})
    again = of_domain(
        parsed(),
        Observation(outcomes=(outcome(),), deployment=deployment(), node_ports={"http": 30001}),
        previous=first,
        now=LATER,
    )
    assert again == first


DIGEST = "sha256:" + "a" * 64


def running(image_id: str, template: str = "new") -> dict[str, Any]:
    container = {"name": "app", "ready": True, "state": {}, "imageID": image_id}
    return {
        "metadata": {"name": f"scan-{template}", "labels": {"pod-template-hash": template}},
        "status": {"containerStatuses": [container]},
    }


@pytest.mark.parametrize(
    ("pods", "image"),
    [
        ([], "eco2:scan-1.0.6"),
        ([running(f"docker.io/eco2@{DIGEST}")], f"eco2:scan-1.0.6@{DIGEST}"),
        ([running(f"docker.io/eco2@{DIGEST}"), running(f"eco2@{DIGEST[:-1]}b")], "eco2:scan-1.0.6"),
        ([running(f"docker.io/eco2@{DIGEST}", template="old")], "eco2:scan-1.0.6"),
    ],
    ids=["no pods", "one digest", "nodes disagree", "old pods"],
)
def test_the_digest_of_the_image_is_told_when_the_new_pods_agree_on_it(pods: Any, image: str) -> None:
    assert status(pods=pods, replica_sets=[NEW_SET])["image"] == image


def test_while_the_gate_is_closed_the_image_is_that_of_the_pods() -> None:
    live = deployment()
    live["spec"]["template"] = {"spec": {"containers": [{"name": "app", "image": "eco2:scan-0.9"}]}}
    assert status(deployment=live)["image"] == "eco2:scan-0.9"


def test_what_the_kubelet_says_of_a_failing_probe_is_added_to_a_rollout_that_is_stuck() -> None:
    live = deployment(availableReplicas=0)
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    live["status"]["conditions"] = [stuck]
    probe = "pod scan-1: Readiness probe failed: HTTP probe failed with statuscode: 503"
    told = condition(status(deployment=live, probe=probe), "WorkloadAvailable")
    assert told[:2] == ("False", "ProgressDeadlineExceeded")
    assert told[2].endswith(f"the kubelet says: {probe}")
    assert "kubelet" not in condition(status(deployment=live), "WorkloadAvailable")[2]


def test_a_probe_that_fails_is_the_cause_where_there_is_no_other_and_may_pass() -> None:
    probe = "pod scan-1: Readiness probe failed: HTTP probe failed with statuscode: 503"
    found = status(deployment=deployment(availableReplicas=0), probe=probe)
    assert condition(found, "Ready") == ("False", "Unhealthy", probe)
    assert condition(found, "Reconciling")[0] == "True"
    assert condition(found, "Stalled")[0] == "False"


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ({"last_words": "no database"}, ": no database"),
        ({"probe": "Liveness probe failed"}, "; the kubelet says: Liveness probe failed"),
    ],
)
def test_a_crash_is_told_with_what_it_was_about(told: dict[str, str], end: str) -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    crashing = {"name": "app", "state": state, "lastState": {"terminated": {"exitCode": 3}}}
    labels = {"pod-template-hash": "new"}
    pod = {"metadata": {"name": "scan-1", "labels": labels}, "status": {"containerStatuses": [crashing]}}
    sets = [{"metadata": {"name": "scan", "labels": labels}}]
    found = status(deployment=deployment(availableReplicas=0), replica_sets=sets, pods=[pod], **told)
    assert condition(found, "Ready") == (
        "False",
        "CrashLoopBackOff",
        f"pod scan-1: exits with code 3 (0 restarts){end}",
    )


# -- migrations and Secrets ----------------------------------------------------------------------------------------

RECORD = {"hash": "a" * 64, "state": "Running", "startedAt": NOW}


@pytest.mark.parametrize(
    ("step", "reason", "truth", "expected"),
    [
        ("none", "NotRequired", "True", DONE),
        ("done", "Succeeded", "True", DONE),
        ("waiting", "WaitingForSecrets", "Unknown", DONE),
        ("running", "Running", "False", UNDER_WAY),
        ("running", "ImagePullBackOff", "False", STUCK),
        ("failed", "MigrationFailed", "False", STUCK),
        ("failed", "MigrationTimedOut", "False", STUCK),
    ],
)
def test_where_a_migration_stands_is_told(step: Any, reason: str, truth: str, expected: dict[str, str]) -> None:
    found = status(migration=Stage(step, reason, "the words", record=RECORD))
    assert condition(found, "MigrationComplete") == (truth, reason, "the words")
    assert summary(found) == expected
    assert found["migration"] == RECORD
    if truth == "False":
        assert condition(found, "Ready")[1:] == (reason, "the words")


def test_without_a_record_nothing_is_said_about_a_migration() -> None:
    assert "migration" not in status()


def test_old_pods_that_serve_do_not_make_it_ready_while_its_migration_runs() -> None:
    found = status(migration=Stage("running", "Running", "runs"))
    assert condition(found, "WorkloadAvailable")[0] == "True"
    assert summary(found) == UNDER_WAY


def test_what_the_pods_wait_for_is_told_before_everything_that_follows_from_it() -> None:
    waiting = Stage("waiting", "WaitingForSecrets", "waits")
    found = status(missing=["Secret db", "key a of ConfigMap app"], migration=waiting, deployment=None)
    truth, reason, message = condition(found, "SecretsReady")
    assert (truth, reason) == ("False", "SecretMissing")
    assert "Secret db, key a of ConfigMap app" in message
    assert condition(found, "Ready")[1] == "SecretMissing"
    assert summary(found) == UNDER_WAY


def test_a_fault_of_a_child_is_told_before_missing_secrets() -> None:
    found = status(outcome(error=Rejected("no")), missing=["Secret db"])
    assert condition(found, "Ready")[1] == "Rejected"


def test_last_good_values_are_told_and_keep_nobody_from_being_ready() -> None:
    found = status(stale_bindings=("EcoSecretBinding db: no parameter /a",))
    assert condition(found, "SecretsReady")[:2] == ("True", "LastGood")
    assert "EcoSecretBinding db: no parameter /a" in condition(found, "SecretsReady")[2]
    assert summary(found) == DONE


def test_when_everything_is_there_it_says_so() -> None:
    assert condition(status(), "SecretsReady")[:2] == ("True", "Present")


def test_the_record_of_a_migration_follows_the_schema() -> None:
    record = {**RECORD, "state": "Succeeded", "finishedAt": NOW, "succeeded": [{"hash": "a" * 64, "finishedAt": NOW}]}
    found = status(migration=Stage("done", "Succeeded", "ran", record=record))
    EcoDomainStatus.model_validate(found, by_alias=True, by_name=False)
